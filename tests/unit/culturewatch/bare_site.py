"""The text of the smallest site: one incubator behind one endpoint."""

BARE_SITE = """
[site]
id = "lab"
name = "Laboratory"
time_zone = "Europe/Vienna"

[[endpoint]]
id = "one"
host = "127.0.0.1"

[[device]]
id = "inc1"
profile = "sim-incubator"
endpoint = "one"
"""
