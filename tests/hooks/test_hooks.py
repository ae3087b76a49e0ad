"""The hooks of integrations/: their programs are played by a few lines, what they write is read by bounced."""
import json
import pathlib
import shutil
import subprocess
import sys
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "cmd"))
from cmdtest import Case, ROOT  # noqa: E402

HARAKA = """
const fs = require('fs');
const plugin = require(process.argv[2]);
const address = (a, more) => ({ address: () => a, ...more });
const hooks = {};
Object.assign(plugin, {
    config: { get: (name) => name === 'me' ? 'mail.us.example' : { main: { path: process.argv[3] } } },
    register_hook: (name, method) => { hooks[name] = method; }, logerror: (text) => { throw new Error(text); } });
plugin.register();
const notes = {};
const header = { get: (name) => ({ 'Message-ID': '<m1@us.example>\\n', 'X-Campaign': 'spring\\n' })[name] || '' };
plugin[hooks.queue_outbound](() => {}, { transaction: { header, notes } });
const mail = (uuid, ...rcpt_to) => ({ num_failures: 1,
    todo: { uuid, rcpt_to, notes, queue_time: 1767607200000, mail_from: address('news@us.example') } });
const done = () => {};
let hmail = mail('U.1', address('a@x.example'));
plugin[hooks.delivered](done, hmail, ['mx.x.example', '192.0.2.1', '250 ok', 1, 25, 'SMTP', hmail.todo.rcpt_to, false, false]);
hmail = mail('U.2', address('b@x.example', { dsn_smtp_code: 550, dsn_smtp_extc: '5.1.1', dsn_smtp_response: 'no such user',
    dsn_status: '5.1.1', dsn_remote_mta: 'mx.x.example' }));
plugin[hooks.bounce](done, hmail, { bounced_rcpt: null, mx: { exchange: 'mx.x.example' } });
hmail = mail('U.3', address('c@x.example', { dsn_smtp_code: 452, dsn_smtp_extc: '4.2.2', dsn_smtp_response: 'mailbox full' }));
plugin[hooks.deferred](done, hmail, { delay: 60, err: { deferred_rcpt: hmail.todo.rcpt_to } });
plugin[hooks.bounce](done, hmail, 'Too many failures (452 mailbox full)');
hmail = mail('U.4', address('d@x.example'));
plugin[hooks.delivered](done, hmail, ['localhost', '127.0.0.1', '250 ok', 1, 25, 'SMTP', null, false, false]);
"""

ZONEMTA = """
const plugin = require(process.argv[2]);
let hook;
plugin.init({ config: { path: process.argv[3] }, addHook: (name, f) => { if (name === 'log:entry') hook = f; },
    logger: { error: (...a) => { throw new Error(a.join(' ')); } } }, () => {});
const entries = [
    { id: '15', seq: '001', action: 'ACCEPTED', from: 'news@us.example', to: 'a@x.example', mx: 'mx.x.example',
      'message-id': '<m1@us.example>', response: '250 ok', time: 1767607200000 },
    { id: '16', seq: '001', action: 'REJECTED', category: 'recipient', from: 'news@us.example', to: 'b@x.example',
      response: '550 5.1.1 no such user', time: 1767607201000 },
    { id: '17', seq: '001', action: 'DEFERRED', category: 'capacity', to: 'c@x.example', response: '452 4.2.2 mailbox full',
      time: 1767607202000 },
    { id: '18', seq: '001', action: 'QUEUED', to: 'd@x.example' }, null ];
const next = () => { if (entries.length) hook(entries.shift(), next); };
next();
"""


@unittest.skipUnless(shutil.which("node"), "skipped: node is not installed")
class Hooks(Case):
    def events_of(self, program, hook):
        log = self.dir / "events.ndjson"
        self.file("play.js", program)
        done = subprocess.run(["node", self.dir / "play.js", ROOT / "integrations" / hook / "bounced.js", log],
                              capture_output=True, text=True, timeout=60, check=False)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        written = [json.loads(line) for line in log.read_text().splitlines()]
        first = self.bounced("ingest", "--json", log)
        self.assertEqual(first.err, "")
        self.assertEqual(json.loads(first.out.splitlines()[-1])["new"], len(written))
        self.assertEqual(self.objects("ingest", "--json", "-", stdin=log.read_text())[-1]["new"], 0)
        found = {}
        for e in self.objects("events"):
            if e["what"] == "observed":
                found.setdefault(e["recipient"], []).append((e["kind"], e.get("reason")))
                self.assertEqual(e["format"], hook)
        return {who: sorted(what, key=str) for who, what in found.items()}

    def test_haraka(self):
        self.assertEqual(self.events_of(HARAKA, "haraka"), {
            "a@x.example": [("delivered", None)], "b@x.example": [("failed", "user-unknown")],
            "c@x.example": [("deferred", "mailbox-full"), ("expired", "mailbox-full")], "d@x.example": [("relayed", None)]})

    def test_zonemta(self):
        self.assertEqual(self.events_of(ZONEMTA, "zonemta"), {
            "a@x.example": [("delivered", None)], "b@x.example": [("failed", "user-unknown")],
            "c@x.example": [("deferred", "mailbox-full")]})


if __name__ == "__main__":
    unittest.main()
