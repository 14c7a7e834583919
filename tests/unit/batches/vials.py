"""Where a vial lies."""

from batches.vial import Place


def slot(number: int, device: str = "ln2a") -> Place:
    return Place(device=device, rack="R1", box="B1", slot=str(number))
