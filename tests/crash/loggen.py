"""Writes Postfix logs of any length: a mixture of outcomes, the same for the same seed."""
import random

HOST = "mail postfix"
OUTCOMES = (
    (60, "2.0.0", "sent", "250 2.0.0 OK {id}"),
    (15, "5.1.1", "bounced", "host mx.{domain}[192.0.2.7] said: 550 5.1.1 <{to}>: Recipient address rejected: User unknown "
                             "(in reply to RCPT TO command)"),
    (10, "5.7.1", "bounced", "host mx.{domain}[192.0.2.7] said: 554 5.7.1 Message rejected as spam (in reply to end of DATA command)"),
    (10, "4.2.2", "deferred", "host mx.{domain}[192.0.2.7] said: 452 4.2.2 <{to}> Mailbox full (in reply to RCPT TO command)"),
    (5, "4.4.1", "deferred", "connect to mx.{domain}[192.0.2.7]:25: Connection timed out"),
)


def stamp(second):
    minute, second = divmod(second, 60)
    hour, minute = divmod(minute, 60)
    day, hour = divmod(hour, 24)
    return f"2025-03-{day + 1:02d}T{hour:02d}:{minute:02d}:{second:02d}.000000+00:00"


def message(rng, number):
    """The lines of one message to one recipient; recipients come back from time to time."""
    queue = f"4X{number:06X}z9sP"
    domain = f"d{rng.randrange(50)}.example"
    to = f"user{rng.randrange(number + 1000)}@{domain}"
    at = stamp(number // 20)
    _, dsn, status, text = rng.choices(OUTCOMES, [o[0] for o in OUTCOMES])[0]
    text = text.format(domain=domain, to=to, id=queue)
    yield f"{at} {HOST}/smtpd[11]: {queue}: client=app.example[192.0.2.9]"
    yield f"{at} {HOST}/cleanup[12]: {queue}: message-id=<m{number}@news.example.org>"
    yield f"{at} {HOST}/qmgr[13]: {queue}: from=<bounces@example.org>, size=900, nrcpt=1 (queue active)"
    yield (f"{at} {HOST}/smtp[14]: {queue}: to=<{to}>, relay=mx.{domain}[192.0.2.7]:25, delay=0.1, delays=0.02/0/0.04/0.04, "
           f"dsn={dsn}, status={status} ({text})")
    if status != "deferred":
        yield f"{at} {HOST}/qmgr[13]: {queue}: removed"


def write(path, messages, seed=1):
    rng = random.Random(seed)
    with open(path, "w", encoding="ascii") as out:
        for number in range(messages):
            for line in message(rng, number):
                out.write(line + "\n")
