"""The private world in which the lab runs a mail server.

Own mount, PID, UTS and network namespaces; the root is an overlay over the
running system, so packages are installed into memory and nothing outside
changes.  In the network there is only the scripted receiver (receiver.py)
behind the documentation addresses, and a name server that knows its domains.
The clock starts at START and can be moved forward (clock.c).
"""
import ctypes
import datetime
import fcntl
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

import receiver

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "bounced-lab")
HOST = "mail.example.org"
START = datetime.datetime(2025, 3, 4, 8, 0, tzinfo=datetime.timezone.utc)
CLONE_NEWNET = 0x40000000


def sh(*argv, check=True, quiet=False, **kw):
    out = subprocess.DEVNULL if quiet else None
    return subprocess.run(argv, check=check, stdout=kw.pop("stdout", out), stderr=out, **kw)


class Syslog(threading.Thread):
    """Listens on /dev/log and keeps (time, priority, tag, pid, text)."""

    def __init__(self, path, now):
        super().__init__(daemon=True)
        self.records, self.now = [], now
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.sock.bind(path)
        os.chmod(path, 0o666)

    def run(self):
        shape = re.compile(rb"<(\d+)>(?:\w{3} [ \d]\d [\d:]{8} )?(?:([^\s:\[]+)(?:\[(\d+)\])?: ?)?(.*)", re.S)
        while True:
            m = shape.match(self.sock.recv(65536).rstrip(b"\n\0"))
            pri, tag, pid, text = m.groups()
            self.records.append((self.now(), int(pri), (tag or b"-").decode(), int(pid or 0),
                                 text.decode("utf-8", "replace")))

    def lines(self, style, keep=lambda r: True):
        for r in filter(keep, list(self.records)):
            t, _, tag, pid, text = r
            if style == "bsd":
                stamp = "%s %2d %s" % (t.strftime("%b"), t.day, t.strftime("%H:%M:%S"))
                host = HOST.split(".")[0]
            else:
                stamp, host = t.isoformat(timespec="microseconds"), HOST.split(".")[0]
            yield "%s %s %s%s: %s" % (stamp, host, tag, "[%d]" % pid if pid else "", text)

    def journal(self, keep=lambda r: True, most=None):
        """The Journal Export Format, with the fields journald gives to syslog messages."""
        boot, machine = "5f0c9d4e" * 4, "0d1e2f3a" * 4
        out = []
        for n, (t, pri, tag, pid, text) in enumerate(list(filter(keep, self.records))[:most], 1):
            us = int(t.timestamp() * 1e6)
            mono = us - int(START.timestamp() * 1e6) + 77_000_000
            fields = [("__CURSOR", "s=%s;i=%x;b=%s;m=%x;t=%x;x=%x" % ("c7" * 16, n, boot, mono, us, n * 0x9e3779b97f4a7c15 % 2**64)),
                      ("__REALTIME_TIMESTAMP", us), ("__MONOTONIC_TIMESTAMP", mono), ("_BOOT_ID", boot),
                      ("_TRANSPORT", "syslog"), ("PRIORITY", pri & 7), ("SYSLOG_FACILITY", pri >> 3),
                      ("SYSLOG_IDENTIFIER", tag), ("SYSLOG_PID", pid), ("_PID", pid), ("_UID", 101), ("_GID", 101),
                      ("_COMM", tag.split("/")[-1]), ("_SYSTEMD_UNIT", "postfix@-.service"),
                      ("_HOSTNAME", HOST.split(".")[0]), ("_MACHINE_ID", machine), ("MESSAGE", text)]
            for k, v in fields:
                v = str(v).encode()
                if all(0x20 <= c < 0x7f or c == 9 for c in v):
                    out.append(k.encode() + b"=" + v + b"\n")
                else:
                    out.append(k.encode() + b"\n" + struct.pack("<Q", len(v)) + v + b"\n")
            out.append(b"\n")
        return b"".join(out)


class World:
    def __init__(self, packages):
        self.scenarios = receiver.load()
        self.plan = receiver.plan(self.scenarios)
        self.children = []
        self.shift = 0
        self.base = CACHE + "/world"  # a mount point, seen by this run only
        self.root = self.base + "/root"
        self.make_root(packages)
        self.make_net()
        self.make_clock()
        self.syslog = Syslog(self.root + "/dev/log", self.now)
        self.syslog.start()
        self.start_dns()
        self.start_receiver()

    # --- root
    def make_root(self, packages):
        sh("mount", "--make-rprivate", "/")
        os.makedirs(self.base, exist_ok=True)
        sh("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", self.base)
        for d in ("up", "work", "root"):
            os.mkdir(self.base + "/" + d)
        sh("mount", "-t", "overlay", "overlay", "-o",
           "lowerdir=/,upperdir=%s/up,workdir=%s/work" % (self.base, self.base), self.root)
        sh("mount", "-t", "proc", "proc", self.root + "/proc")
        sh("mount", "-t", "tmpfs", "-o", "mode=755", "tmpfs", self.root + "/dev")
        sh("mount", "-t", "tmpfs", "-o", "mode=1777", "tmpfs", self.root + "/tmp")
        for name, major, minor in (("null", 1, 3), ("zero", 1, 5), ("full", 1, 7), ("random", 1, 8),
                                   ("urandom", 1, 9), ("tty", 5, 0)):
            os.mknod(self.root + "/dev/" + name, 0o666 | 0o020000, os.makedev(major, minor))
            os.chmod(self.root + "/dev/" + name, 0o666)
        os.mkdir(self.root + "/dev/shm", 0o1777)
        os.symlink("/proc/self/fd", self.root + "/dev/fd")
        sh("hostname", HOST)
        self.write("/etc/hostname", HOST + "\n")
        self.write("/etc/mailname", HOST + "\n")
        self.write("/usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
        shutil.copy("/etc/resolv.conf", self.root + "/etc/resolv.conf.host")
        shutil.copyfile(self.root + "/etc/resolv.conf.host", self.root + "/etc/resolv.conf")
        os.makedirs(CACHE + "/debs/partial", exist_ok=True)
        os.mkdir(self.root + "/lab-debs")
        sh("mount", "--bind", CACHE + "/debs", self.root + "/lab-debs")
        env = {"PATH": os.environ["PATH"], "DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C", "HOME": "/root"}
        with open(self.base + "/apt.log", "w") as log, open(CACHE + "/lock", "w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            r = subprocess.run(["chroot", self.root, "apt-get", "-y", "-q", "--no-install-recommends",
                                "-o", "Dir::Cache::archives=/lab-debs", "-o", "APT::Keep-Downloaded-Packages=1",
                                "-o", "DPkg::Post-Invoke=", "install", "dnsmasq-base"] + packages,
                               env=env, stdout=log, stderr=log)
        if r.returncode:
            sys.stderr.write(open(self.base + "/apt.log").read()[-3000:])
            raise SystemExit("packages could not be installed")
        for uid, name in enumerate(("bounces", "ann", "rex", "tiny"), 2000):
            self.add_user(name, uid)

    def add_user(self, name, uid):
        home = "/home/" + name
        for path, line in (("/etc/passwd", "%s:x:%d:%d:%s:%s:/bin/sh\n" % (name, uid, uid, name.title(), home)),
                           ("/etc/group", "%s:x:%d:\n" % (name, uid)), ("/etc/shadow", name + ":!:19000::::::\n")):
            with open(self.root + path, "a") as f:
                f.write(line)
        os.makedirs(self.root + home, 0o755, exist_ok=True)
        os.chown(self.root + home, uid, uid)

    def write(self, path, text, mode=0o644):
        full = self.root + path
        os.makedirs(os.path.dirname(full), exist_ok=True)
        if os.path.islink(full):
            os.unlink(full)
        with open(full, "wb") as f:
            f.write(text if isinstance(text, bytes) else text.encode())
        os.chmod(full, mode)

    def read(self, path):
        with open(self.root + path, "rb") as f:
            return f.read()

    # --- network
    def make_net(self):
        if ctypes.CDLL(None, use_errno=True).unshare(CLONE_NEWNET):
            raise OSError(ctypes.get_errno(), "unshare")
        sh("ip", "link", "set", "lo", "up")
        sh("ip", "addr", "add", "192.0.2.1/32", "dev", "lo")
        sh("ip", "-6", "addr", "add", "2001:db8::1/128", "dev", "lo")
        for net in ("192.0.2.0/24", "198.51.100.0/24"):
            sh("ip", "route", "add", "local", net, "dev", "lo", "src", "192.0.2.1")
        sh("ip", "-6", "route", "add", "local", "2001:db8::/32", "dev", "lo", "src", "2001:db8::1")
        with open("/proc/sys/net/ipv6/ip_nonlocal_bind", "w") as f:  # per network namespace
            f.write("1")
        sh("ip", "tuntap", "add", "hole0", "mode", "tun")  # nobody reads it: packets vanish
        self.hole = os.open("/dev/net/tun", os.O_RDWR)
        fcntl.ioctl(self.hole, 0x400454ca, struct.pack("16sH22x", b"hole0", 0x1001))
        sh("ip", "link", "set", "hole0", "up")
        sh("ip", "route", "add", "203.0.113.0/25", "dev", "hole0", "src", "192.0.2.1")
        sh("ip", "route", "add", "unreachable", "203.0.113.128/25")
        self.write("/etc/resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n")
        self.write("/etc/hosts", "127.0.0.1 localhost\n192.0.2.1 mail.example.org mail\n")

    def start_dns(self):
        conf = ["no-resolv", "no-hosts", "keep-in-foreground", "user=root", "listen-address=127.0.0.1",
                "bind-interfaces", "log-facility=/tmp/dns.log", "pid-file=/tmp/dns.pid",
                "local=/example.com/", "local=/example.org/", "local=/example.net/", "local=/test/", "local=/arpa/",
                "server=/servfail.example.net/192.0.2.254", "address=/mail.example.org/192.0.2.1",
                "mx-host=example.org,mail.example.org,10", "mx-host=mirror.example.net,mail.example.org,10",
                "mx-host=news.example.org,mail.example.org,10",
                "host-record=news.example.org,192.0.2.1",
                "dns-rr=nomail.example.com,15,000000", "mx-host=noaddr.example.net,void.noaddr.example.net,10",
                "ptr-record=1.2.0.192.in-addr.arpa,mail.example.org"]
        for name, d in self.plan.items():
            if d["ip"] and d["ip"] != receiver.LOOPBACK:
                conf += ["mx-host=%s,%s,10" % (name, d["mx"]), "host-record=%s,%s" % (d["mx"], d["ip"])]
        self.write("/etc/lab-dns.conf", "\n".join(conf) + "\n")
        self.spawn("chroot", self.root, "dnsmasq", "-C", "/etc/lab-dns.conf")

    def start_receiver(self):
        p = self.spawn(sys.executable, os.path.join(HERE, "receiver.py"), stdout=subprocess.PIPE)
        if p.stdout.readline().strip() != b"ready":
            raise SystemExit("the receiver did not start")

    # --- time
    def make_clock(self):
        sh("cc", "-shared", "-fPIC", "-O1", "-o", self.root + "/usr/lib/lab-clock.so", HERE + "/clock.c")
        self.set_shift(int(START.timestamp() - time.time()))
        self.write("/etc/ld.so.preload", "/usr/lib/lab-clock.so\n")

    def set_shift(self, seconds):
        self.shift = seconds
        path = self.root + "/etc/lab-clock"
        if not os.path.exists(path):
            self.write("/etc/lab-clock", b"\0" * 8)
        with open(path, "r+b") as f:  # in place: it is mapped by running programs
            f.write(struct.pack("=q", seconds))

    def jump(self, **delta):
        self.set_shift(self.shift + int(datetime.timedelta(**delta).total_seconds()))

    def now(self):
        return datetime.datetime.fromtimestamp(time.time() + self.shift, datetime.timezone.utc)

    # --- programs
    def spawn(self, *argv, **kw):
        p = subprocess.Popen(argv, start_new_session=True, **kw)  # some servers signal their process group
        self.children.append(p)
        return p

    def run(self, *argv, check=True, **kw):
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "LC_ALL": "C.UTF-8"}
        r = subprocess.run(["chroot", self.root] + list(argv), env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                           start_new_session=True, **kw)
        if check and r.returncode:
            raise SystemExit("%s: %s%s" % (argv, r.stdout.decode(), r.stderr.decode()))
        return r

    def end(self):
        for p in self.children:
            if p.poll() is None:
                p.send_signal(signal.SIGTERM)
                try:
                    p.wait(5)
                except subprocess.TimeoutExpired:
                    p.kill()
