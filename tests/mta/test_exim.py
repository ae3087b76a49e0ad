"""Exim asks the daemon by ${readsocket}, with the files of integrations/exim, in a session that it plays itself (exim -bh)."""
import unittest

from mtatest import INTEGRATIONS, MtaCase, program, run

CONF = """\
primary_hostname = mail.example.org
domainlist local_domains = example.org
acl_smtp_rcpt = acl_check_rcpt
exim_user = root
never_users =
spool_directory = {dir}/spool
log_file_path = {dir}/exim-%slog
keep_environment =
begin acl
acl_check_rcpt:
{acl}
  accept
begin routers
{router}
out:
  driver = accept
  transport = nothing
begin transports
nothing:
  driver = appendfile
  file = /dev/null
"""


class Exim(MtaCase):
    def setUp(self):
        self.exim = program("exim4")
        super().setUp()
        (self.dir / "spool").mkdir()
        places = {"/run/bounced/line": self.dir / "line"}
        self.conf_text = self.integration("exim/bounced.conf", places={**places, "group = Debian-exim\n": ""})
        acl = self.integration("exim/acl_check_rcpt.conf", places=places)
        router = self.integration("exim/router.conf", places=places)
        self.file("exim.conf", CONF.format(dir=self.dir, acl=acl, router=router)).chmod(0o644)

    def session(self, client, *recipients, sender="news@example.org"):
        """The reply to each recipient."""
        said = f"EHLO client.test\r\nMAIL FROM:<{sender}>\r\n" + "".join(f"RCPT TO:<{r}>\r\n" for r in recipients) + "QUIT\r\n"
        done = run(self.exim, "-C", self.dir / "exim.conf", "-bh", client, input=said.encode())
        replies = [line for line in done.stdout.decode("utf-8", "replace").splitlines() if line[:1].isdigit() and line[3:4] == " "]
        self.assertEqual(len(replies), 4 + len(recipients), done.stdout.decode("utf-8", "replace"))
        return replies[3:-1]

    def test_recipients_are_refused(self):
        self.daemon_with(self.conf_text)
        replies = self.session("192.0.2.7", "hard@example.com", "soft@example.com", "x@gone.example", "user@example.org")
        self.assertEqual(replies[0], "550 5.7.1 not sent, suppressed by bounced: manual")
        self.assertEqual([r[:3] for r in replies], ["550", "250", "550", "250"])

    def test_incoming_mail_and_bounces_are_not_asked_about(self):
        d = self.daemon_with(self.conf_text)
        self.assertEqual(self.session("203.0.113.7", "hard@example.com")[0][:3], "250")
        self.assertEqual(self.session("192.0.2.7", "hard@example.com", sender="")[0][:3], "250")
        self.assertEqual(d.status()["roles"][0]["asked"], 0)

    def test_it_defers(self):
        self.daemon_with(self.conf_text.replace("[answers]\n", "[answers]\nmode = defer\n"))
        self.assertEqual(self.session("192.0.2.7", "hard@example.com")[0][:3], "451")

    def test_without_the_daemon_mail_flows(self):
        self.assertEqual(self.session("192.0.2.7", "hard@example.com")[0][:3], "250")

    def test_the_router_fails_what_is_suppressed(self):
        self.daemon_with(self.conf_text)
        done = run(self.exim, "-C", self.dir / "exim.conf", "-bt", "hard@example.com", "soft@example.com")
        text = done.stdout.decode()
        self.assertIn("hard@example.com is undeliverable: not sent, suppressed by bounced", text)
        self.assertIn("router = out, transport = nothing", text)

    def test_the_files_are_there(self):
        self.assertTrue((INTEGRATIONS / "exim" / "README.md").is_file())


if __name__ == "__main__":
    unittest.main()
