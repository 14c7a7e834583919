"""Whoever is told straight from memory is told in time, though a channel hangs."""

import asyncio

from alerts.directory import Directory, Way
from alerts.notify.notifier import Message, Sent
from alerts.policy import Person
from culturewatch.everybody import Everybody, Owed
from tests.unit.alerts.desk import POLICY, Provider  # a test's own

PEOPLE = (
    Person(id="A", channels=("sms", "mail"), addresses={"sms": "+1", "mail": "a@x"}),
    Person(id="B", channels=("mail",), addresses={"mail": "b@x"}),
)
ANSWER_S = 0.05


def owed(*people: str) -> Owed:
    def message_of(way: Way) -> Message:
        return Message(id="m", kind="page", person=way.person, address="x", subject="s", text="t")

    return Owed(about="a test", message_of=message_of, people=people, due_s=0.0, pause_s=15.0)


class Hung:
    """Never answers, and knows for how long it was waited for."""

    def __init__(self) -> None:
        self.waited_s = 0.0

    async def send(self, message: Message) -> Sent:
        clock = asyncio.get_running_loop().time
        began_s = clock()
        try:
            await asyncio.Event().wait()
        finally:
            self.waited_s = clock() - began_s
        raise AssertionError(message)


async def test_the_next_channel_is_tried_when_one_hangs_and_the_last_may_take_twice_as_long() -> (
    None
):
    sms, mail, said = Hung(), Hung(), list[str]()
    directory = Directory(PEOPLE, (POLICY,), lambda _: None)
    everybody = Everybody(
        {"sms": sms, "mail": mail}, directory, answer_s=ANSWER_S, on_trouble=said.append
    )
    left = await everybody.tell(owed("A"))
    assert left is not None
    assert [line.partition(": ")[2] for line in said] == ["A by sms: ", "A by mail: "]
    assert sms.waited_s >= ANSWER_S - 0.001
    assert mail.waited_s >= 2 * ANSWER_S - 0.001


async def test_who_could_not_be_reached_is_owed_it_still() -> None:
    mail = Provider("hang", rest="accept")
    directory = Directory(PEOPLE, (POLICY,), lambda _: None)
    everybody = Everybody({"mail": mail}, directory, answer_s=0.01, on_trouble=lambda _: None)
    left = await everybody.tell(owed("B"))
    assert left is not None
    assert left.people == ("B",)
    assert await everybody.tell(left) is None
