"""The daemon's frame: start, wrong settings, a second one, reload, end, kill, the words to a service manager."""
import os
import pathlib
import pwd
import shutil
import signal
import socket
import subprocess
import time
import unittest

from daemontest import BOUNCED, DEADLINE_S, Daemon, DaemonCase


class Start(DaemonCase):
    def test_it_is_ready_answers_and_ends(self):
        d = self.daemon()
        status = d.status()
        self.assertEqual(status["state"], "running")
        self.assertEqual(status["pid"], d.process.pid)
        self.assertEqual(status["ledger"]["state"], "ok")
        self.assertEqual(status["restart"], [])
        self.assertTrue((self.dir / "ledger.db").exists())
        out = self.bounced("status", "--config", self.dir / "bounced.conf").out
        self.assertIn("running for", out)
        self.assertIn(str(self.dir / "ledger.db"), out)
        self.assertEqual(d.end(), 0)
        self.assertIn("daemon.ending why=SIGTERM", d.told())
        self.assertIn("daemon.ended", d.told())
        self.assertFalse((self.dir / "run" / "control").exists())

    def test_it_ends_by_interrupt(self):
        self.assertEqual(self.daemon().end(signal.SIGINT), 0)

    def test_it_is_locked_down(self):
        d = self.daemon()
        if "sandbox.off" in d.told():
            self.skipTest("no seccomp here")
        for task in pathlib.Path(f"/proc/{d.process.pid}/task").iterdir():
            self.assertIn("Seccomp:\t2\n", (task / "status").read_text())
        self.assertEqual(d.end(), 0)

    def test_nobody_there(self):
        self.conf()
        done = self.bounced("status", "--config", self.dir / "bounced.conf", code=69)
        self.assertIn("no daemon listens there", done.err)
        self.bounced("reload", "--config", self.dir / "bounced.conf", code=69)

    def test_wrong_settings_are_told_with_their_lines(self):
        path = self.file("x.conf", "[ledger]\npath = l.db\n[log]\nlevl = info\n[daemon]\nworkers = none\n[ladger]\n")
        done = self.bounced("serve", "--config", path, code=78)
        self.assertEqual(done.err.splitlines(), [
            f"bounced serve: {path}:4: [log] has no setting levl; did you mean level?",
            f'bounced serve: {path}:6: workers: expected a number from 1 to 64, not "none"',
            f"bounced serve: {path}:7: there is no section [ladger]; did you mean [ledger]?",
        ])
        self.assertFalse((self.dir / "l.db").exists())
        self.bounced("serve", "--config", self.dir / "none.conf", code=66)

    def test_wrong_rules_and_keys_are_told(self):
        self.file("x.rules", "this is no rule\n")
        self.file("keys", "not a key\n").chmod(0o600)
        path = self.file("x.conf", self.conf().read_text().replace("files =", "files = x.rules").replace("keys =", "keys = keys"))
        done = self.bounced("serve", "--config", path, code=78)
        self.assertIn("x.rules:1: ", done.err)
        self.assertIn("keys:1: a key is", done.err)

    def test_a_missing_rule_file_is_told(self):
        path = self.file("x.conf", self.conf().read_text().replace("files =", "files = none.rules"))
        self.assertIn("none.rules: cannot be opened", self.bounced("serve", "--config", path, code=78).err)

    def test_a_ledger_that_cannot_be_made(self):
        path = self.file("x.conf", self.conf().read_text().replace("ledger.db", "none/ledger.db"))
        self.assertIn("none/ledger.db-daemon: cannot be opened", self.bounced("serve", "--config", path, code=78).err)

    def test_a_run_dir_that_cannot_be_made(self):
        path = self.file("x.conf", self.conf().read_text().replace("run_dir = run", "run_dir = none/run"))
        self.assertIn("none/run: the directory cannot be made", self.bounced("serve", "--config", path, code=78).err)


class Doctor(DaemonCase):
    """`bounced doctor` looks at the daemon too."""

    def findings(self, conf, code=None):
        found = self.objects("doctor", "--json", "--config", conf, code=code)
        return {f["check"]: (f["result"], f["text"]) for f in found if f["check"] in ("settings", "daemon")}

    def test_it_looks_at_the_daemon(self):
        conf = self.conf("[feed mail]\npath = mail.log\n")
        found = self.findings(conf)
        self.assertEqual(found["settings"], ("ok", f"{conf}: 1 feeds and listeners"))
        self.assertEqual(found["daemon"][0], "note")
        d = Daemon(self)
        self.assertEqual(self.findings(conf)["daemon"][0], "ok")
        d.end()
        self.assertIn("would do nothing", self.findings(self.conf())["settings"][1])
        self.assertIn("set BOUNCED_LEDGER", self.findings(self.file(
            "other.conf", conf.read_text().replace("ledger.db", "other.db") + "[feed a]\npath = b\n"))["settings"][1])
        result, text = self.findings(self.file("wrong.conf", "[ledger]\npth = x\n"), code=1)["settings"]
        self.assertEqual(result, "bad")
        self.assertIn("wrong.conf:2: [ledger] has no setting pth; did you mean path?", text)


class Second(DaemonCase):
    def test_a_ledger_has_one_daemon(self):
        d = self.daemon()
        other = self.conf(name="other.conf", daemon="pid_file = other.pid\n")
        other.write_text(other.read_text().replace("run_dir = run", "run_dir = other"))
        done = self.bounced("serve", "--config", other, code=75)
        self.assertIn(f"another daemon serves this ledger: {self.dir}/ledger.db-daemon: held by process {d.process.pid}", done.err)
        self.assertEqual(d.status()["state"], "running")
        self.assertEqual(d.end(), 0)
        Daemon(self, conf="other.conf").end()

    def test_pid_file(self):
        self.conf(daemon="pid_file = d.pid\n")
        d = Daemon(self)
        pid = self.dir / "d.pid"
        self.assertEqual(pid.read_text(), f"{d.process.pid}\n")
        other = self.conf(name="other.conf", daemon="pid_file = d.pid\n")
        done = self.bounced("serve", "--config", other, code=75)
        self.assertIn(f"d.pid: held by process {d.process.pid}", done.err)
        self.assertEqual(pid.read_text(), f"{d.process.pid}\n")
        d.end()
        self.assertFalse(pid.exists())

    def test_what_a_killed_one_left_is_no_hindrance(self):
        self.conf(daemon="pid_file = d.pid\n")
        first = Daemon(self)
        first.end(signal.SIGKILL)
        self.assertTrue((self.dir / "d.pid").exists())
        self.assertTrue((self.dir / "run" / "control").exists())
        second = Daemon(self)
        self.assertEqual((self.dir / "d.pid").read_text(), f"{second.process.pid}\n")
        self.assertEqual(second.status()["pid"], second.process.pid)
        self.assertEqual(second.end(), 0)

    def test_other_commands_work_beside_it(self):
        d = self.daemon()
        self.bounced("suppress", "add", "a@example.com")
        d.until(lambda: d.status()["ledger"]["suppressions"] == 1, "the daemon never saw the suppression")
        self.assertEqual(d.end(), 0)


class Reload(DaemonCase):
    def test_new_settings_are_taken(self):
        d = self.daemon("[log]\nlevel = info\n")
        self.conf("[log]\nlevel = debug\n[policy]\nslow = never\n")
        done = self.bounced("reload", "--config", self.dir / "bounced.conf")
        self.assertEqual(done.err, "")
        self.assertIn("reload.taken", d.told())
        self.assertEqual(d.status()["restart"], [])
        metrics = self.bounced("status", "--metrics", "--config", self.dir / "bounced.conf").out
        self.assertIn("bounced_reloads_total 1\n", metrics)

    def test_wrong_settings_change_nothing(self):
        d = self.daemon()
        control = self.dir / "run" / "control"
        before = d.status()["rules"]
        self.conf("[log]\nlevl = debug\n")
        done = self.bounced("reload", "--socket", control, code=78)
        self.assertIn("[log] has no setting levl; did you mean level?", done.err)
        self.assertIn("nothing was changed", done.err)
        self.file("x.rules", "this is no rule\n")
        self.file("bounced.conf", self.conf().read_text().replace("files =", "files = x.rules"))
        done = self.bounced("reload", "--socket", control, code=78)
        self.assertIn("x.rules:1: ", done.err)
        self.assertEqual(d.status()["rules"], before)
        self.assertIn("bounced_reload_failures_total 2\n", self.bounced("status", "--metrics", "--socket", control).out)
        self.conf()
        self.bounced("reload", "--socket", control)

    def test_new_rules_are_taken(self):
        d = self.daemon()
        before = d.status()["rules"]
        self.file("x.rules", 'rule my.own\n  reason user-unknown\n  code 5xx\n  text "nobody of that kind here"\n'
                             '  example "550 nobody of that kind here"\n')
        self.file("bounced.conf", self.conf().read_text().replace("files =", "files = x.rules"))
        self.bounced("reload", "--config", self.dir / "bounced.conf")
        self.assertNotEqual(d.status()["rules"], before)

    def test_what_needs_a_restart_is_told(self):
        d = self.daemon()
        self.conf("[feed more]\npath = mail.log\n", daemon="workers = 3\n")
        done = self.bounced("reload", "--config", self.dir / "bounced.conf")
        self.assertEqual(done.err, "bounced reload: [daemon] workers: takes effect at the next start\n"
                                   "bounced reload: [feed more]: takes effect at the next start\n")
        self.assertEqual(d.status()["restart"], ["[daemon] workers", "[feed more]"])
        self.conf()
        self.bounced("reload", "--config", self.dir / "bounced.conf")
        self.assertEqual(d.status()["restart"], [])

    def test_by_signal(self):
        d = self.daemon()
        d.send(signal.SIGHUP)
        lines = d.hear("RELOADING=1")
        stamp = [line for line in lines if line.startswith("MONOTONIC_USEC=")]
        self.assertEqual(len(stamp), 1)
        self.assertLess(abs(int(stamp[0].split("=")[1]) / 1e6 - time.clock_gettime(time.CLOCK_MONOTONIC)), DEADLINE_S)
        d.hear("READY=1")
        self.assertIn("reload.taken", d.told())
        (self.dir / "bounced.conf").write_text("[nothing]\n")
        d.send(signal.SIGHUP)
        d.hear("READY=1")
        d.until_told("reload.refused")
        self.assertIn("there is no section [nothing]", d.told())
        self.assertEqual(d.status()["state"], "running")

    def test_many_at_once(self):
        d = self.daemon()
        asked = [subprocess.Popen([BOUNCED, "reload", "--socket", str(self.dir / "run" / "control")], env=self.env)
                 for _ in range(10)]
        self.assertEqual([p.wait(timeout=DEADLINE_S) for p in asked], [0] * 10)
        self.assertEqual(d.end(), 0)

    def test_debug_by_signal(self):
        d = self.daemon()
        d.send(signal.SIGUSR1)
        d.until_told("log.debug on=yes")
        d.send(signal.SIGUSR1)
        d.until_told("log.debug on=no")


class End(DaemonCase):
    """What was begun is finished, or cut short, but never hangs."""

    TALK = (b"LHLO x", b"MAIL FROM:<>", b"RCPT TO:<b@bounces.example>", b"DATA")

    def in_the_middle(self, drain):
        """A daemon with a peer that has sent half of a mail."""
        self.conf("[lmtp in]\nlisten = unix:run/lmtp\ndomains = bounces.example\n[aside]\npath = aside\n", daemon=f"drain = {drain}\n")
        text = (self.dir / "bounced.conf").read_text()
        self.file("bounced.conf", text.replace("unix:run", f"unix:{self.dir}/run"))
        d = Daemon(self)
        peer = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.addCleanup(peer.close)
        peer.settimeout(DEADLINE_S)
        peer.connect(str(self.dir / "run" / "lmtp"))
        answers = peer.makefile("rb")
        self.addCleanup(answers.close)
        for line in (None, *self.TALK):
            if line:
                peer.sendall(line + b"\r\n")
            answer = answers.readline()
            while answer[3:4] == b"-":
                answer = answers.readline()
            self.assertIn(answer[:1], b"23", f"{line} {answer}\n{d.told()}")
        peer.sendall(b"Subject: half of it\r\n")
        return d, peer

    def test_what_was_begun_is_finished(self):
        d, peer = self.in_the_middle("60s")
        d.send(signal.SIGTERM)
        d.hear("STOPPING=1")
        peer.sendall(b"\r\nno report\r\n.\r\n")
        told = b""
        while True:
            more = peer.recv(4096)
            if not more:
                break
            told += more
        self.assertRegex(told, rb"^250 ")
        self.assertEqual(d.wait(), 0)
        self.assertNotIn("daemon.cut", d.told())

    def test_who_takes_too_long_is_cut_off(self):
        d, _ = self.in_the_middle("100ms")
        self.assertEqual(d.end(), 0)
        self.assertIn("daemon.cut busy=lmtp name=in", d.told())

    def test_a_second_signal_ends_it_at_once(self):
        d, _ = self.in_the_middle("10min")
        d.send(signal.SIGTERM)
        d.hear("STOPPING=1")
        deadline = time.monotonic() + DEADLINE_S
        while d.process.poll() is None:  # signals within 100 ms are one
            self.assertLess(time.monotonic(), deadline)
            d.send(signal.SIGTERM)
            time.sleep(0.05)
        self.assertEqual(d.wait(), 0)
        self.assertIn("daemon.cut busy=lmtp name=in", d.told())

    def test_a_reload_while_it_ends_is_refused(self):
        d, _ = self.in_the_middle("10min")
        d.send(signal.SIGTERM)
        d.hear("STOPPING=1")
        done = self.bounced("reload", "--socket", self.dir / "run" / "control", code=78)
        self.assertIn("is ending", done.err)
        self.assertEqual(d.status()["state"], "draining")
        d.send(signal.SIGKILL)
        self.assertEqual(d.wait(), -signal.SIGKILL)


class Control(DaemonCase):
    def ask(self, text):
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
            s.settimeout(DEADLINE_S)
            s.connect(str(self.dir / "run" / "control"))
            s.sendall(text)
            answer = b""
            while True:
                try:
                    more = s.recv(65536)
                except ConnectionResetError:
                    return answer
                if not more:
                    return answer
                answer += more

    def test_words(self):
        d = self.daemon()
        self.assertTrue(self.ask(b"status\n").startswith(b'{"state":"running"'))
        self.assertTrue(self.ask(b"  status \r\n").startswith(b"{"))
        self.assertEqual(self.ask(b"reload\n"), b"ok\n")
        self.assertTrue(self.ask(b"what\n").startswith(b"failed\nno such word"))
        self.assertTrue(self.ask(b"\0\xff\n").startswith(b"failed\n"))
        self.assertEqual(self.ask(b"x" * 5000), b"")
        self.assertEqual(d.status()["state"], "running")

    def test_one_who_leaves_while_it_reloads(self):
        d = self.daemon()
        for _ in range(5):
            with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as s:
                s.connect(str(self.dir / "run" / "control"))
                s.sendall(b"reload\n")
        self.assertEqual(self.ask(b"reload\n"), b"ok\n")
        self.assertEqual(d.end(), 0)

    def test_the_socket_is_for_owner_and_group(self):
        d = self.daemon()
        self.assertEqual((self.dir / "run" / "control").stat().st_mode & 0o777, 0o660)
        self.assertEqual((self.dir / "ledger.db").stat().st_mode & 0o007, 0)
        d.end()


class Manager(DaemonCase):
    def test_it_tells_when_it_stops(self):
        d = self.daemon()
        d.send(signal.SIGTERM)
        d.hear("STOPPING=1")
        self.assertEqual(d.wait(), 0)

    def test_it_tells_that_it_is_alive(self):
        d = self.daemon(env={"WATCHDOG_USEC": "300000"})
        for _ in range(3):
            d.hear("WATCHDOG=1")

    def test_a_watchdog_for_another_process_is_none(self):
        d = self.daemon(env={"WATCHDOG_USEC": "1000", "WATCHDOG_PID": "1"})
        d.send(signal.SIGHUP)
        d.hear("RELOADING=1")
        d.hear("READY=1")
        self.assertNotIn(["WATCHDOG=1"], d.heard)

    def test_a_journal_needs_no_stamps(self):
        self.conf()
        read_end, write_end = os.pipe()
        st = os.fstat(write_end)
        env = dict(self.env, JOURNAL_STREAM=f"{st.st_dev}:{st.st_ino}")
        process = subprocess.Popen([BOUNCED, "serve", "--config", str(self.dir / "bounced.conf")], env=env, stderr=write_end)
        os.close(write_end)
        with os.fdopen(read_end) as log:
            line = log.readline()
            while "daemon.ready" not in line and line:
                line = log.readline()
            self.assertTrue(line.startswith("<6>info daemon.ready pid="), line)
            process.terminate()
            self.assertEqual(process.wait(timeout=DEADLINE_S), 0)

    def test_json_log(self):
        import json
        d = self.daemon("[log]\nformat = json\n")
        d.end()
        events = [json.loads(line) for line in d.told().splitlines()]
        ready = next(e for e in events if e["event"] == "daemon.ready")
        self.assertEqual(ready["pid"], d.process.pid)
        self.assertEqual(ready["ledger"], str(self.dir / "ledger.db"))


@unittest.skipUnless(os.geteuid() == 0, "needs root")
class Root(DaemonCase):
    """Started as root it becomes somebody else, for good."""

    def setUp(self):
        super().setUp()
        try:
            self.user = pwd.getpwnam("nobody")
        except KeyError:
            self.skipTest("there is no user nobody")
        self.dir.chmod(0o755)
        (self.dir / "data").mkdir()
        os.chown(self.dir / "data", self.user.pw_uid, self.user.pw_gid)

    def settings(self, daemon=""):
        path = self.conf(daemon=daemon)
        path.write_text(path.read_text().replace("user = root", "user = nobody").replace("ledger.db", "data/ledger.db"))

    def ids(self, pid):
        lines = pathlib.Path(f"/proc/{pid}/status").read_text().splitlines()
        return {line.split(":")[0]: line.split(":")[1].split() for line in lines}

    def test_it_becomes_its_user(self):
        self.settings(daemon="pid_file = d.pid\n")
        d = Daemon(self)
        status = self.ids(d.process.pid)
        self.assertEqual(status["Uid"], [str(self.user.pw_uid)] * 4)
        self.assertEqual(status["Gid"], [str(self.user.pw_gid)] * 4)
        self.assertNotIn("0", status["Groups"])
        self.assertEqual(status["CapEff"], ["0" * 16])
        self.assertEqual(status["CapPrm"], ["0" * 16])
        self.assertEqual(status["NoNewPrivs"], ["1"])
        self.assertEqual((self.dir / "data" / "ledger.db").stat().st_uid, self.user.pw_uid)
        self.assertEqual((self.dir / "run" / "control").stat().st_uid, self.user.pw_uid)
        self.assertEqual((self.dir / "d.pid").read_text(), f"{d.process.pid}\n")
        self.assertEqual(d.end(), 0)

    def test_settings_that_it_cannot_read_again(self):
        self.settings()
        (self.dir / "bounced.conf").chmod(0o600)
        d = Daemon(self)
        d.until_told("settings.unreadable")
        done = self.bounced("reload", "--socket", self.dir / "run" / "control", code=78)
        self.assertIn("cannot be read: Permission denied", done.err)
        self.assertEqual(d.status()["state"], "running")

    def test_no_such_user(self):
        self.settings()
        path = self.dir / "bounced.conf"
        path.write_text(path.read_text().replace("nobody", "nobody-of-that-name"))
        self.assertIn("there is no user 'nobody-of-that-name'", self.bounced("serve", "--config", path, code=78).err)

    def test_unprivileged(self):
        """Somebody else than root stays who they are, whatever the settings say."""
        if not shutil.which("setpriv"):
            self.skipTest("setpriv is not installed")
        self.settings()
        (self.dir / "run").mkdir()
        os.chown(self.dir / "run", self.user.pw_uid, self.user.pw_gid)
        program = self.dir / "bounced"
        shutil.copy(BOUNCED, program)
        program.chmod(0o755)
        done = subprocess.run(["setpriv", f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}", "--clear-groups",
                               program, "config", "--config", self.dir / "bounced.conf", "daemon.user"], env=self.env,
                              capture_output=True, check=False)
        if done.returncode != 0:
            self.skipTest("the program cannot be run by nobody here")
        path = self.dir / "bounced.conf"
        path.write_text(path.read_text().replace("nobody", "somebody-else"))
        process = subprocess.Popen(["setpriv", f"--reuid={self.user.pw_uid}", f"--regid={self.user.pw_gid}",
                                    "--clear-groups", program, "serve", "--config", path], env=self.env,
                                   stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        lines = []
        for line in process.stderr:
            lines.append(line)
            if "daemon.ready" in line:
                break
        self.assertIn("daemon.ready", "".join(lines))
        self.assertEqual(self.ids(process.pid)["Uid"], [str(self.user.pw_uid)] * 4)
        process.terminate()
        self.assertEqual(process.wait(timeout=DEADLINE_S), 0)
        process.stderr.close()


if __name__ == "__main__":
    unittest.main()
