"""Lanes of our client with a Java client at the other end. Each takes URL, the queue of ``java/Echo.java``, a name of its own."""

from __future__ import annotations

from tests.interop.samples import BODIES, HEADERS, PROPERTIES, same_message, seen_by_java

from corewire import Message
from corewire_transports.anyio import connect

MESSAGES = (
    *(Message(body, correlation_id=f"number {number}") for number, body in enumerate(BODIES)),
    Message("properties", properties=PROPERTIES, correlation_id="properties"),
    Message("headers", **HEADERS).replace(priority=9, durable=False),
)


async def java_understands_what_we_send_and_we_what_it_sends(url: str, queue: str, name: str) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(name) as answers:
        for message in MESSAGES:
            await session.send(queue, message, reply_to=f"queue://{name}")
            answer = await answers.receive()
            seen = answer.properties["seen"]
            assert seen == seen_by_java(message)
            rest = {key: value for key, value in answer.properties.items() if key != "seen"}
            assert same_message(answer.replace(properties=rest), message)
            assert (answer.priority, answer.durable) == (message.priority, message.durable)
            assert (answer.correlation_id, answer.jms_type) == (message.correlation_id, message.jms_type)


async def java_answers_questions(url: str, queue: str, name: str) -> None:
    async with connect(url) as client, client.session() as session:
        for number in range(20):
            answer = await session.request(queue, f"{name} {number}", timeout=30)
            assert answer.text == f"{name} {number}"


async def we_answer_questions_of_java(url: str, queue: str, count: int) -> None:
    async with connect(url) as client, client.session() as session, session.consumer(queue) as questions:
        for _ in range(count):
            question = await questions.receive()
            await question.reply(f"re: {question.text}")
