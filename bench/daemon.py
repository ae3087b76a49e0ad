#!/usr/bin/env python3
"""The daemon under load: `bounced serve` on one core and its clients on another, each figure with its yardstick of the same run.

usage: daemon.py BUILD SCRATCH [FIGURE...]

BUILD is a build directory with the benchmarks, SCRATCH a directory on the disk to measure. Figures: socketmap, check, batch, events,
lmtp, slow (events and lmtp again with 5 ms added to each sync), mixed, log; without a name all of these. `memory` is asked for by
name: it makes a ledger of 10 million suppressed addresses (4 GB, minutes), or takes that of BENCH_LEDGER.

A line tells the rate by the clock, the rate for each second that the daemon ran (which others on the machine do not change), and the
yardstick, with the command of the client below it.
"""
import http.client
import json
import multiprocessing
import os
import pathlib
import re
import shlex
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import time

CORES = sorted(os.sched_getaffinity(0))
DAEMON_CORE, CLIENT_CORE = CORES[0], CORES[-1]
CONNECTIONS = 50
SECONDS = 5
SUPPRESSED = 100_000
DEADLINE_S = 600

CONF = """[daemon]
{user}run_dir = {dir}
[log]
level = error
[ledger]
path = {dir}/ledger.db
[rules]
files =
[sign]
keys =
[aside]
path =
[http api]
listen = 127.0.0.1:0
loopback = admin
[socketmap map]
listen = unix:{dir}/map
[lmtp in]
listen = unix:{dir}/lmtp
domains = bounces.example
vouched = yes
[feed mail]
path = {dir}/log/mail.log
zone = UTC
"""

LINES = ("{stamp} mx postfix/qmgr[9]: 4{n:06X}ZZ: from=<news@example.net>, size=391, nrcpt=1 (queue active)\n"
         "{stamp} mx postfix/smtp[9]: 4{n:06X}ZZ: to=<{to}>, relay=mx.example.org[192.0.2.1]:25, delay=1, delays=0/0/0/1, dsn=5.1.1, "
         "status=bounced (host mx.example.org[192.0.2.1] said: 550 5.1.1 User unknown (in reply to RCPT TO command))\n"
         "{stamp} mx postfix/qmgr[9]: 4{n:06X}ZZ: removed\n")

REPLIES = ("550 5.1.1 <{to}>: Recipient address rejected: User unknown in virtual mailbox table", "552 5.2.2 mailbox full, quota exceeded",
           "550-5.1.1 The email account that you tried to reach does not exist. Please try double-checking the address",
           "554 5.7.1 Service unavailable; Client host [192.0.2.1] blocked using zen.example.org", "450 4.2.0 <{to}>: greylisted")


def pin(core):
    return lambda: os.sched_setaffinity(0, {core})


def address(i):
    return f"user{i}@d{i % 9973}.example"


def questions(path, texts):
    """The form that bench_load reads."""
    with path.open("wb") as out:
        for text in texts:
            out.write(b"%d\n" % len(text) + text)
    return path


def post(target, kind, body):
    return (f"POST {target} HTTP/1.1\r\nHost: bench\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n").encode() + body


class Bench:
    def __init__(self, build, scratch):
        self.build, self.scratch = pathlib.Path(build).resolve(), pathlib.Path(scratch).resolve()

    def program(self, name):
        return str(self.build / "bench" / f"bench_{name}")

    def client(self, *arguments, wait=True):
        """Starts bench_load on the clients' core; its line of JSON, or the process."""
        p = subprocess.Popen([self.program("load"), *map(str, arguments)], stdout=subprocess.PIPE, preexec_fn=pin(CLIENT_CORE))
        return self.answer(p) if wait else p

    @staticmethod
    def answer(process):
        out, _ = process.communicate(timeout=DEADLINE_S)
        if process.returncode != 0:
            sys.exit(f"the client ended with {process.returncode}")
        return json.loads(out)

    def show(self, *arguments):
        print("    " + shlex.join(["bench_load", *(str(a).replace(str(self.scratch) + "/", "") for a in arguments)]), flush=True)

    def bare(self, kind, asked, answer):
        """The rate of a server that gives `answer` to everything."""
        where = f"unix:{self.scratch}/bare" if kind == "netstring" else f"127.0.0.1:{free_port()}"
        told = self.scratch / "answer"
        told.write_bytes(answer)
        server = subprocess.Popen([self.program("bare"), where, str(told)], stdout=subprocess.PIPE, preexec_fn=pin(DAEMON_CORE))
        try:
            server.stdout.readline()
            return self.client(where, kind, CONNECTIONS, SECONDS, asked)["rate"]
        finally:
            server.kill()
            server.wait()
            server.stdout.close()
            (self.scratch / "bare").unlink(missing_ok=True)

    def sync_us(self):
        """Median of 200 appends of 4 KB with fdatasync."""
        path, took = self.scratch / "sync", []
        fd = os.open(path, os.O_CREAT | os.O_TRUNC | os.O_WRONLY, 0o600)
        for _ in range(200):
            began = time.monotonic()
            os.write(fd, bytes(4096))
            os.fdatasync(fd)
            took.append((time.monotonic() - began) * 1e6)
        os.close(fd)
        path.unlink()
        return statistics.median(took)


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


class Daemon:
    """A daemon of its own on a ledger of its own, ready when made."""

    def __init__(self, bench, name, suppressed=0, sync_ms=0, ledger=None):
        self.bench, self.dir = bench, bench.scratch / name
        self.dir.mkdir()
        self.bounced = str(bench.build / "bounced")
        conf = self.dir / "conf"
        text = CONF.format(dir=self.dir, user="user = root\n" if os.geteuid() == 0 else "")
        conf.write_text(text.replace(f"{self.dir}/ledger.db", str(ledger)) if ledger else text)
        (self.dir / "log").mkdir()
        (self.dir / "log" / "mail.log").touch()
        if suppressed:
            suppress(self.bounced, self.dir / "ledger.db", self.dir / "list", suppressed)
        env = dict(os.environ, NOTIFY_SOCKET=str(self.dir / "notify"))
        if sync_ms:
            env.update(LD_PRELOAD=str(bench.build / "bench" / "slow_sync.so"), BENCH_SYNC_MS=str(sync_ms))
        notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        notify.bind(env["NOTIFY_SOCKET"])
        notify.settimeout(DEADLINE_S)
        self.began = time.monotonic()
        self.process = subprocess.Popen([self.bounced, "serve", "--config", str(conf)], env=env, preexec_fn=pin(DAEMON_CORE))
        while "READY=1" not in notify.recv(4096).decode().splitlines():
            pass
        self.ready_s = time.monotonic() - self.began
        notify.close()
        self.http = next(r["listen"] for r in self.status()["roles"] if r.get("name") == "api")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        shutil.rmtree(self.dir)

    def status(self):
        out = subprocess.run([self.bounced, "status", "--json", "--socket", str(self.dir / "control")], check=True, capture_output=True)
        return json.loads(out.stdout)

    def ran_s(self):
        """Seconds that its threads have run."""
        tasks = pathlib.Path(f"/proc/{self.process.pid}/task").iterdir()
        return sum(int((t / "schedstat").read_text().split()[0]) for t in tasks) / 1e9

    def resident_bytes(self, what="VmRSS"):
        text = pathlib.Path(f"/proc/{self.process.pid}/status").read_text()
        return int(re.search(rf"{what}:\s+(\d+) kB", text)[1]) * 1024

    def ask(self, method, target, body=None):
        """One answer, whole as it stands on the wire: what the yardstick gives back."""
        host, port = self.http.rsplit(":", 1)
        with socket.create_connection((host, int(port))) as s:
            s.sendall(f"{method} {target} HTTP/1.1\r\nHost: bench\r\n\r\n".encode())
            return s.recv(65536)

    def load(self, *arguments, units=1):
        """Runs a client; its answer with the rate of the daemon's own seconds beside it, both in units."""
        before = self.ran_s()
        r = self.bench.client(*arguments)
        ran = self.ran_s() - before
        if r["bad"]:
            sys.exit(f"{r['bad']} of {r['asked']} answers were refusals")
        return dict(r, rate=r["rate"] * units, cpu_rate=r["asked"] * units / ran)


def suppress(bounced, ledger, path, n):
    """A ledger with n addresses suppressed: every second one of those that are asked about."""
    with path.open("w", encoding="ascii") as out:
        for i in range(n):
            out.write(address(2 * i) + "\n")
    subprocess.run([bounced, "suppress", "--ledger", str(ledger), "import", str(path)], check=True, stdout=subprocess.DEVNULL)
    path.unlink()


def line(name, r, unit, yardstick, per_s):
    print(f"{name:<44} {r['rate']:>12,.0f} {unit}/s   of its own second {r['cpu_rate']:,.0f}   yardstick: {yardstick} {per_s:,.0f} {unit}/s"
          f"   1/{per_s / r['rate']:.1f}   waits {r['median_us']:.0f} us median, {r['p99_us']:.0f} us 99 %", flush=True)


def durable(name, r, unit, sync_us):
    print(f"{name:<44} {r['rate']:>12,.0f} {unit}/s durable   of its own second {r['cpu_rate']:,.0f}   fdatasync of 4 KB: {sync_us:.0f} us median",
          flush=True)


# ---- the figures ----

def socketmap(b):
    asked = questions(b.scratch / "map.q", (b"%d:rcpt %s," % (len(a) + 5, a) for a in (address(i * 31).encode() for i in range(16384))))
    with Daemon(b, "socketmap", SUPPRESSED) as d:
        arguments = (f"unix:{d.dir}/map", "netstring", CONNECTIONS, SECONDS, asked)
        r = d.load(*arguments)
        line("socketmap, 50 connections", r, "answers", "bare epoll server", b.bare("netstring", asked, b"9:NOTFOUND ,"))
        b.show(*arguments)


def get(i):
    return f"GET /v1/check?address={address(i)} HTTP/1.1\r\nHost: bench\r\n\r\n".encode()


def check(b):
    asked = questions(b.scratch / "check.q", (get(i * 31) for i in range(16384)))
    with Daemon(b, "check", SUPPRESSED) as d:
        arguments = (d.http, "http", CONNECTIONS, SECONDS, asked)
        r = d.load(*arguments)
        line("GET /v1/check, 50 kept connections", r, "answers", "bare epoll server", b.bare("http", asked, d.ask("GET", f"/v1/check?address={address(0)}")))
        b.show(*arguments)


def lines_counted(path, lines):
    """How many lines a second wc -l counts in a file that is in memory; the best of five."""
    took = []
    for _ in range(5):
        began = time.monotonic()
        subprocess.run(["wc", "-l", str(path)], check=True, stdout=subprocess.DEVNULL, preexec_fn=pin(DAEMON_CORE))
        took.append(time.monotonic() - began)
    return lines / min(took)


def batch(b):
    each, n = 100_000, 20
    bodies = ["".join(address(i) + "\n" for i in range(k * each, (k + 1) * each)).encode() for k in range(n)]
    plain = b.scratch / "batch.txt"
    plain.write_bytes(b"".join(bodies) * 10)
    counted = lines_counted(plain, each * n * 10)
    plain.unlink()
    asked = questions(b.scratch / "batch.q", (post("/v1/check", "text/plain", body) for body in bodies))
    with Daemon(b, "batch", SUPPRESSED) as d:
        arguments = (d.http, "http", 4, SECONDS, asked)
        r = d.load(*arguments, units=each)
        line("POST /v1/check, text/plain, 100,000 a body", r, "addresses", "wc -l of the same bytes", counted)
        b.show(*arguments)


def event_bodies(requests, first=0, each=100):
    now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    for k in range(requests):
        events = []
        for i in range(first + k * each, first + (k + 1) * each):
            to = f"user{i}@d{i % 1000}.example.net"  # as those of bench_ingest
            events.append({"event": "bounced", "recipient": to, "time": now, "message_id": f"{i}@news.example.com", "campaign": "week-47",
                           "stream": "news", "reply": REPLIES[i % len(REPLIES)].format(to=to)})
        yield post("/v1/events", "application/json", json.dumps({"events": events}).encode())


def events(b, sync_ms=0):
    asked = questions(b.scratch / "events.q", event_bodies(1500))
    with Daemon(b, "events", sync_ms=sync_ms) as d:
        arguments = (d.http, "http", CONNECTIONS, 0, asked)
        r = d.load(*arguments, units=100)
        durable("POST /v1/events, 100 a body", r, "events", b.sync_us() + sync_ms * 1000)
        b.show(*arguments)


def lmtp(b, sync_ms=0, mails=30_000):
    samples = pathlib.Path(__file__).resolve().parent.parent / "tests" / "samples" / "dsn"
    with Daemon(b, "lmtp", sync_ms=sync_ms) as d:
        before = d.ran_s()
        command = [b.program("lmtp"), str(samples), str(b.scratch), str(mails), str(CONNECTIONS), f"unix:{d.dir}/lmtp", "bounces.example"]
        out = subprocess.run(command, check=True, capture_output=True, text=True, preexec_fn=pin(CLIENT_CORE)).stdout
        ran = d.ran_s() - before
        rate = float(re.search(r"(\d+) mails/s durable", out)[1])
        durable("LMTP, 50 connections", {"rate": rate, "cpu_rate": mails / ran}, "mails", b.sync_us() + sync_ms * 1000)
        print("    " + " ".join(["bench_lmtp", "tests/samples/dsn", ".", *command[3:]]).replace(f"{b.scratch}/", ""), flush=True)


def slow(b):
    print("with 5 ms added to each sync:", flush=True)
    events(b, sync_ms=5)
    lmtp(b, sync_ms=5)


def mixed(b):
    asked = questions(b.scratch / "check.q", (get(i * 31) for i in range(16384)))
    told = questions(b.scratch / "events.q", event_bodies(50 * SECONDS + 100, first=1_000_000))
    with Daemon(b, "mixed", SUPPRESSED) as d:
        coming = (d.http, "http", 8, SECONDS + 1, told, 50)
        arguments = (d.http, "http", CONNECTIONS, SECONDS, asked, 5000)
        alone = b.client(*arguments)
        p = b.client(*coming, wait=False)
        time.sleep(0.5)
        r = b.client(*arguments)
        taken = b.answer(p)
        print(f"5,000 checks/s while {taken['rate'] * 100:,.0f} events/s come in: {r['median_us']:.0f} us median, {r['p99_us']:.0f} us 99 %, "
              f"{r['p999_us']:.0f} us 99.9 %   yardstick: the same without events {alone['median_us']:.0f}, {alone['p99_us']:.0f}, "
              f"{alone['p999_us']:.0f} us", flush=True)
        b.show(*coming)
        b.show(*arguments)


def write_log(path, pipe, seconds):
    """1,000 bounces a second, ten at a time; tells when the last of each ten was written."""
    os.sched_setaffinity(0, {CLIENT_CORE})
    began, n = time.monotonic(), 0
    with open(path, "a", encoding="ascii", buffering=1 << 20) as out:
        while n < 1000 * seconds:
            time.sleep(max(0.0, began + n / 1000 - time.monotonic()))
            stamp = time.strftime("%b %e %H:%M:%S", time.gmtime())
            for i in range(n, n + 10):
                out.write(LINES.format(stamp=stamp, n=i, to=f"log{i}@d{i % 997}.example"))
            out.flush()
            n += 10
            pipe.send((f"log{n - 1}@d{(n - 1) % 997}.example", time.monotonic()))
    pipe.send(None)


def log(b):
    os.sched_setaffinity(0, {CLIENT_CORE})
    with Daemon(b, "log") as d:
        here, there = multiprocessing.Pipe(duplex=False)
        writer = multiprocessing.Process(target=write_log, args=(d.dir / "log" / "mail.log", there, 10))
        writer.start()
        c, waits, asked = http.client.HTTPConnection(d.http), [], 0
        while (told := here.recv()) is not None:
            while here.poll():  # the newest
                newer = here.recv()
                if newer is None:
                    break
                told = newer
            else:
                newer = told
            who, written = told
            while True:
                asked += 1
                c.request("GET", f"/v1/check?address={who}")
                if json.loads(c.getresponse().read())["answer"] == "suppressed":
                    break
            waits.append((time.monotonic() - written) * 1000)
            if newer is None:
                break
        writer.join()
        c.close()
        waits.sort()
        print(f"log line to the check that says suppressed, 1,000 bounces/s: {statistics.median(waits):.1f} ms median, "
              f"{waits[len(waits) * 99 // 100]:.1f} ms 99 %, {waits[-1]:.1f} ms at most, of {len(waits)} looked at "
              f"({asked / len(waits):.0f} questions each)   fdatasync of 4 KB: {b.sync_us():.0f} us median", flush=True)
    os.sched_setaffinity(0, set(CORES))


def memory(b, n=10_000_000):
    ledger = os.environ.get("BENCH_LEDGER")
    if not ledger:
        ledger = b.scratch / "memory.db"
        suppress(str(b.build / "bounced"), ledger, b.scratch / "list", n)
    with Daemon(b, "memory", ledger=ledger) as d:
        asked = questions(b.scratch / "check.q", (get(i * 31) for i in range(16384)))
        r = d.load(d.http, "http", CONNECTIONS, SECONDS, asked)
        print(f"suppressed: {d.status()['ledger']['suppressions']:,}; ready after {d.ready_s:.1f} s; resident {d.resident_bytes() / 1e6:,.0f} MB, at most "
              f"{d.resident_bytes('VmHWM') / 1e6:,.0f} MB, of it anonymous {d.resident_bytes('RssAnon') / 1e6:,.0f} MB; "
              f"GET /v1/check {r['rate']:,.0f} answers/s", flush=True)


ALL = {f.__name__: f for f in (socketmap, check, batch, events, lmtp, slow, mixed, log, memory)}


def main():
    if len(sys.argv) < 3 or any(name not in ALL for name in sys.argv[3:]):
        sys.exit(f"usage: daemon.py BUILD SCRATCH [{' | '.join(ALL)}]...")
    b = Bench(sys.argv[1], sys.argv[2])
    print(f"the daemon on core {DAEMON_CORE}, its clients on core {CLIENT_CORE}", flush=True)
    for name in sys.argv[3:] or [name for name in ALL if name != "memory"]:
        print(f"-- {name} (load {pathlib.Path('/proc/loadavg').read_text().split()[0]})", flush=True)
        ALL[name](b)


main()
