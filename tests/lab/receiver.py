#!/usr/bin/env python3
"""A scripted SMTP receiver: answers as scenarios.json says.

What concerns a whole host (phases connect, helo, starttls, mail) is chosen by
the address that was connected to; what concerns a recipient (rcpt, data, end)
by the recipient.  Every domain of the table has one address, see plan().

Run alone:  receiver.py            listens on every address of the plan, port 25
            receiver.py --plan     prints domain, phase and address
"""
import asyncio
import collections
import json
import os
import smtplib
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
HOST_PHASES = ("connect", "helo", "starttls", "mail")
LOOPBACK = "127.0.0.1"
FILTER_PORT, REINJECT_PORT = 10024, 10025


def load():
    with open(os.path.join(HERE, "scenarios.json"), encoding="utf-8") as f:
        return json.load(f)


def domain_of(address):
    return address.rsplit("@", 1)[1]


def plan(scenarios):
    """domain -> {mx, ip, dns, tcp, scenario}; addresses are dealt in table order."""
    domains, four, six = {}, 10, 10
    for s in scenarios:
        if s["phase"] == "local":
            continue
        name = domain_of(s["to"])
        d = domains.setdefault(name, {"mx": "mx." + name, "ip": None, "dns": s.get("dns"),
                                      "tcp": s.get("tcp"), "scenario": None})
        if s["phase"] in HOST_PHASES:
            d["scenario"] = s
        if d["ip"] or s.get("dns"):
            continue
        if s.get("ip") == "v6":
            d["ip"], six = "2001:db8::%x" % six, six + 1
        elif s.get("ip") == "loopback":
            d["ip"] = LOOPBACK
        elif s.get("tcp") == "timeout":
            d["ip"] = "203.0.113.10"
        elif s.get("tcp") == "unreachable":
            d["ip"] = "203.0.113.200"
        else:
            net = "192.0.2." if four % 2 else "198.51.100."
            d["ip"], four = net + str(four), four + 1
    return domains


class Session:
    def __init__(self, table, host, reader, writer):
        self.table, self.host, self.reader, self.writer = table, host, reader, writer
        self.sender, self.rcpts = "", []

    async def say(self, lines, charset="utf-8"):
        if isinstance(lines, str):
            lines = [lines]
        text = "".join(l.replace("{sender}", self.sender) + "\r\n" for l in lines)
        self.writer.write(text.encode(charset, "replace"))
        await self.writer.drain()

    async def act(self, s):
        """Answers as the scenario says; True if the session is over."""
        if s.get("do") == "hang":
            await asyncio.sleep(3600)
        if s.get("reply"):
            await self.say(s["reply"], s.get("charset", "utf-8"))
        return s.get("do") == "close" or s.get("reply", [""])[0].startswith(("421", "521"))

    def host_scenario(self, phase):
        s = self.host["scenario"]
        return s if s and s["phase"] == phase else None

    def rcpt_scenario(self, address, phase):
        s = self.table.by_rcpt.get(address.lower().replace('"', ""))
        if not s or s["phase"] != phase or self.host.get("filter"):
            return None
        if "times" in s:
            self.table.seen[s["id"]] += 1
            if self.table.seen[s["id"]] > s["times"]:
                return None
        return s

    async def run(self):
        s = self.host_scenario("connect")
        if s:
            if await self.act(s):
                return
        else:
            await self.say("220 %s ESMTP" % self.name())
        while True:
            line = await self.reader.readline()
            if not line:
                return
            line = line.decode("utf-8", "replace").rstrip("\r\n")
            verb = line[:4].upper()
            handler = getattr(self, "on_" + verb.lower(), None)
            if not handler:
                await self.say("500 5.5.2 Error: command not recognized")
            elif await handler(line):
                return

    def name(self):
        return self.host["mx"]

    async def hello(self, line, extended):
        s = self.host_scenario("helo")
        if s:
            return await self.act(s)
        size = "1500" if "fwd." in self.name() else "10240000"
        words = ["PIPELINING", "SIZE " + size, "8BITMIME", "ENHANCEDSTATUSCODES"]
        if self.host_scenario("starttls"):
            words.append("STARTTLS")
        if "idn." in self.name():
            words.append("SMTPUTF8")
        if "office." in self.name():
            words.append("DSN")
        if not extended:
            words = []
        words = [self.name()] + words
        await self.say(["250-" + w for w in words[:-1]] + ["250 " + words[-1]])

    async def on_ehlo(self, line):
        return await self.hello(line, True)

    async def on_helo(self, line):
        return await self.hello(line, False)

    async def on_star(self, line):
        if not self.host_scenario("starttls"):
            await self.say("502 5.5.1 Error: command not implemented")
            return False
        await self.say("220 2.0.0 Ready to start TLS")
        await self.say("500 what is this?")
        return True

    async def on_mail(self, line):
        self.sender, self.rcpts = line[line.find("<") + 1:line.find(">")], []
        s = self.host_scenario("mail")
        if s:
            return await self.act(s)
        await self.say("250 2.1.0 Ok")

    async def on_rcpt(self, line):
        address = line[line.find("<") + 1:line.rfind(">")]
        if s := self.rcpt_scenario(address, "rcpt"):
            if s.get("reply", ["4"])[0].startswith("2"):
                self.rcpts.append(address)
            return await self.act(s)
        self.rcpts.append(address)
        await self.say("250 2.1.5 Ok")

    async def on_data(self, line):
        if not self.rcpts:
            await self.say("503 5.5.1 Error: need RCPT command")
            return False
        for a in self.rcpts:
            if s := self.rcpt_scenario(a, "data"):
                return await self.act(s)
        await self.say("354 End data with <CR><LF>.<CR><LF>")
        body = []
        while (l := await self.reader.readline()) not in (b".\r\n", b".\n", b""):
            body.append(l[1:] if l.startswith(b"..") else l)
        for a in self.rcpts:
            if s := self.rcpt_scenario(a, "end"):
                return await self.act(s)
        if self.host.get("filter"):
            await self.say(await asyncio.to_thread(self.reinject, b"".join(body)))
        else:
            await self.say("250 2.0.0 Ok: queued as 4XkTz21bJwz9sP")

    def reinject(self, body):
        with smtplib.SMTP(LOOPBACK, REINJECT_PORT) as c:
            c.ehlo("localhost")
            c.mail(self.sender)
            for a in self.rcpts:
                c.rcpt(a)
            code, text = c.data(body)
        return "%d 2.0.0 from MTA(smtp:[127.0.0.1]:%d): %d %s" % (
            code, REINJECT_PORT, code, text.decode())

    async def on_rset(self, line):
        self.sender, self.rcpts = "", []
        await self.say("250 2.0.0 Ok")

    async def on_noop(self, line):
        await self.say("250 2.0.0 Ok")

    async def on_quit(self, line):
        await self.say("221 2.0.0 Bye")
        return True


class Table:
    def __init__(self, scenarios):
        self.by_rcpt = {s["to"].lower(): s for s in scenarios if s["phase"] in ("rcpt", "data", "end")}
        self.seen = collections.Counter()


async def serve():
    scenarios = load()
    table = Table(scenarios)

    def handler(host):
        async def one(reader, writer):
            try:
                await Session(table, host, reader, writer).run()
            except (ConnectionError, asyncio.CancelledError):
                pass
            finally:
                writer.close()
        return one

    servers = []
    for d in plan(scenarios).values():
        if d["ip"] and not d["tcp"]:
            port = 2525 if d["ip"] == LOOPBACK else 25
            servers.append(await asyncio.start_server(handler(d), d["ip"], port))
    filter_host = {"mx": "localhost", "scenario": None, "filter": True}
    servers.append(await asyncio.start_server(handler(filter_host), LOOPBACK, FILTER_PORT))
    print("ready", flush=True)
    await asyncio.gather(*(s.serve_forever() for s in servers))


if __name__ == "__main__":
    if sys.argv[1:] == ["--plan"]:
        for name, d in plan(load()).items():
            print(name, d["scenario"]["phase"] if d["scenario"] else d["dns"] or d["tcp"] or "rcpt", d["ip"])
    else:
        asyncio.run(serve())
