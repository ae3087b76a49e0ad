"""What the lab keeps: samples with their expectations."""
import base64
import email
import email.policy
import fcntl
import gzip
import json
import lzma
import os
import quopri
import re
import shutil

import receiver

SAMPLES = os.path.normpath(os.path.join(receiver.HERE, "..", "samples"))
EXPECTED = os.path.join(SAMPLES, "expected.jsonl")
CLASS = {}
for _class, _reasons in (
        ("hard", "user-unknown user-disabled user-moved address-invalid domain-unknown domain-no-mail upstream-suppressed"),
        ("soft", "mailbox-full mailbox-unavailable recipient-rate verification-pending relay-denied mail-loop dns-failure"
                 " connect-failed connection-lost tls-failure system-full system-error system-busy protocol-error expired"
                 " greylisted message-too-large local-error unknown"),
        ("block", "recipient-refused rate-limited connection-limit too-many-recipients sender-ip-listed sender-reputation"
                  " sender-domain-listed authentication-failed sender-identity sender-refused sender-auth-required"
                  " tls-required policy spam-content virus attachment-refused url-listed message-malformed")):
    CLASS.update(dict.fromkeys(_reasons.split(), _class))
FAILURES = ("failed", "expired", "deferred", "delayed")


def verdict(kind, reason):
    """The parts of an expectation that follow from kind and reason."""
    if kind not in FAILURES:
        return {"kind": kind, "reason": None, "class": "info"}
    return {"kind": kind, "reason": reason, "class": CLASS[reason]}


def update(prefixes, lines):
    """Replaces the lines of expected.jsonl whose file begins with one of the prefixes."""
    with open(EXPECTED, "a+", encoding="utf-8") as f:
        fcntl.flock(f, fcntl.LOCK_EX)  # two servers may run at a time
        f.seek(0)
        old = [json.loads(l) for l in f]
        new = [l for l in old if not l["file"].startswith(tuple(prefixes))] + lines
        new.sort(key=lambda l: (l["file"], l.get("line", 0)))
        f.truncate(0)
        for l in new:
            f.write(json.dumps(l, ensure_ascii=False) + "\n")


def put(name, data):
    path = os.path.join(SAMPLES, name)
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if isinstance(data, str):
        data = data.encode()
    with open(path, "wb") as f:
        f.write(data)


def clear(prefix):
    folder = os.path.join(SAMPLES, os.path.dirname(prefix))
    for n in os.listdir(folder) if os.path.isdir(folder) else []:
        if n.startswith(os.path.basename(prefix)):
            os.unlink(os.path.join(folder, n))


def bare_address(field):
    """The address of a DSN field "type; address", xtext and brackets undone."""
    a = str(field).split(";", 1)[-1].strip().strip("<>")
    a = re.sub(r"\+([0-9A-F]{2})", lambda m: chr(int(m.group(1), 16)), a)
    return re.sub(r"\\x\{([0-9A-Fa-f]+)\}", lambda m: chr(int(m.group(1), 16)), a)


def reports(data):
    """The recipient groups of a DSN: [{field: text}], by the standard library's parser."""
    msg = email.message_from_bytes(data, policy=email.policy.compat32)
    for part in msg.walk():
        if part.get_content_type() in ("message/delivery-status", "message/global-delivery-status"):
            head, _, body = part.as_bytes().partition(b"\n\n")
            coding = (part.get("content-transfer-encoding") or "").lower()
            if coding == "base64":
                body = base64.b64decode(body)
            elif coding == "quoted-printable":
                body = quopri.decodestring(body)
            blocks = re.split(rb"\r?\n\r?\n", body.strip())
            groups = []
            for block in blocks:
                text = block.strip().decode("utf-8", "replace")
                m = email.message_from_string(re.sub(r"\r?\n[ \t]+", " ", text) + "\n\n")
                groups.append({k.lower(): v for k, v in m.items()})
            return [g for g in groups if "final-recipient" in g]
    return []


def kind_of(group):
    action = group["action"].split()[0].lower()
    if action == "failed":
        return "expired" if group.get("status", "").startswith("4") or group.get("status") == "5.4.7" else "failed"
    return action


# Where a server tells less than the table knows: what its own words mean.
PHRASES = (("Network error on destination MXs", "connect-failed", ["connection-lost", "expired", "unknown"]),
           ("No MX found for domain", "domain-unknown", ["dns-failure", "domain-no-mail"]),
           ("Address family mismatch", "connect-failed", ["domain-unknown", "local-error"]),
           ("all hosts for", "connect-failed", ["expired"]),
           ("identified as spam", "spam-content", []))


class Judge:
    """Reasons by recipient, from the scenario table and from what a run adds."""

    def __init__(self, scenarios, extra=()):
        self.reason = {s["to"].lower(): s.get("reason") for s in scenarios}
        self.reason['"odd..name"@corp.example.com'] = "address-invalid"
        self.name = {s["to"].lower(): s["id"] for s in scenarios}
        self.name['"odd..name"@corp.example.com'] = "invalid-513"
        self.own_words = {"later@example.org"}
        self.accept = {s["to"].lower(): s["accept"] for s in scenarios if "accept" in s}
        for to, reason, name in extra:
            self.reason[to.lower()], self.name[to.lower()] = reason, name

    def dsn(self, file, data):
        out = []
        for g in reports(data):
            final = bare_address(g["final-recipient"])
            e = {"file": file, "recipient": final}
            if "original-recipient" in g:
                e["original_recipient"] = bare_address(g["original-recipient"])
            actual = bare_address(g.get("x-actual-recipient", "")).lower()  # sendmail: where an alias led
            reason = (self.reason.get(actual) or self.reason.get(final.lower())
                      or self.reason.get(e.get("original_recipient", "").lower()))
            expired = b"retry timeout exceeded" in data and g["action"] == "failed"
            e.update(verdict("expired" if expired else kind_of(g), reason or "unknown"))
            words = data.decode("utf-8", "replace")
            self.widen(e, words)
            if "Envelope expired" in words:  # OpenSMTPD calls its expiries delayed
                e.update(verdict("expired", "expired"))
            if b"eximdsn" in data and "diagnostic-code" not in g:  # the report does not tell why
                if expired:
                    e.update(verdict("expired", "expired"))
                elif e["kind"] == "delayed":  # but where an alias gives its own words
                    e.update(verdict("delayed", "unknown"), **({"accept": [reason]} if final in self.own_words else {}))
            if g.get("status"):
                e["status"] = g["status"].split()[0]
            out.append(e)
        return out

    def widen(self, e, words=""):
        """Adds the other reasons that the table allows, or takes the reason that the words give."""
        for phrase, reason, more in PHRASES:
            if e["reason"] and phrase in words:
                e.update(reason=reason)
                if more:
                    e["accept"] = more
                e["class"] = CLASS[reason]
                return
        if e["reason"] and words.endswith("retry timeout exceeded"):
            e["accept"] = ["expired"]
        if e["reason"] and (more := self.accept.get(e["recipient"].lower())):
            e["accept"] = more

    def scenario_of(self, data):
        names = {self.name.get(bare_address(g["final-recipient"]).lower(), "other") for g in reports(data)}
        kinds = {e["kind"] for e in self.dsn("", data)}
        if not names:
            return "no-report"
        name = names.pop() if len(names) == 1 else "several"
        return name if kinds == {"failed"} else name + "-" + "-".join(sorted(kinds))


def save_mails(mta, mails, judge, others=None):
    """dsn/<mta>-NN-scenario.eml for each mail, in the order of delivery."""
    clear("dsn/%s-" % mta)
    lines, late = [], 0
    for n, data in enumerate(mails, 1):
        name = judge.scenario_of(data)
        found = None
        if name == "no-report" and others:
            name, found = others(data)
        if name.endswith(("-delayed", "-expired")):
            late += 1
            if late % 3:  # they differ little: keep a third
                continue
        file = "dsn/%s-%03d-%s.eml" % (mta, n, name)
        put(file, data)
        if found is not None:
            lines += [dict(file=file, **e) for e in found]
        else:
            lines += judge.dsn(file, data) or [{"file": file, "kind": "none"}]
    update(["dsn/%s-" % mta], lines)
    return len(mails)


POSTFIX = re.compile(r" (?P<tag>\S+?)\[\d+\]: (?P<qid>[0-9A-Za-z]{6,}): (?P<rest>.*)")


def postfix_log(file, lines, judge):
    """One expectation for each line of a Postfix log that ends or defers an attempt."""
    msgid, last, sender, out = {}, {}, {}, []
    for n, line in enumerate(lines, 1):
        m = POSTFIX.search(line)
        if not m:
            continue
        qid, rest = m["qid"], m["rest"]
        if k := re.match(r"message-id=<?([^>]*)>?$", rest):
            msgid[qid] = k[1]
        if rest == "removed":
            msgid.pop(qid, None)
            last.pop(qid, None)
        base = {"file": file, "line": n, "queue_id": qid, "message_id": msgid.get(qid)}
        if k := re.match(r"from=<.*>, status=((?:force-)?expired), returned to sender", rest):
            for rcpt, (orig, reason) in last.pop(qid, {}).items():
                e = dict(base, recipient=rcpt, status_word=k[1], **verdict("expired", reason))
                if orig:
                    e["original_recipient"] = orig
                judge.widen(e)
                out.append(e)
        k = re.match(r"to=<(.*?)>, (?:orig_to=<(.*?)>, )?relay=(.*?), .*?status=(\S+) \((.*)\)$", rest)
        if not k:
            continue
        rcpt, orig, relay, word, text = k.groups()
        reason = judge.reason.get(rcpt.lower()) or judge.reason.get((orig or "").lower()) or "unknown"
        if word == "sent":
            loop = "[127.0.0.1]" in relay or relay == "local" and "forwarded as" in text
            kind = ("expanded" if "forwarded as" in text else "relayed") if loop else "delivered"
        else:
            kind = {"bounced": "failed", "deferred": "deferred", "SOFTBOUNCE": "deferred"}[word]
        e = dict(base, recipient=rcpt, status_word=word, **verdict(kind, reason))
        judge.widen(e)
        if orig:
            e["original_recipient"] = orig
        if text.startswith("delivery temporarily suspended"):
            e["attempted"] = False
        if kind == "deferred":
            last.setdefault(qid, {})[rcpt] = (orig, reason)
        else:
            last.get(qid, {}).pop(rcpt, None)
        out.append(e)
    return out


def other_log(file, lines, judge, shape, kinds, expiry=None, accept=None):
    """Expectations by one pattern with the groups `to`, perhaps `orig`, and a `word` that stands in kinds. `expiry` finds the
    lines that give up: with `to`, or for all recipients of the queue id `qid` that wait. What is no address (a local user),
    and a line that stands there twice, is no expectation."""
    out, seen, waiting = [], set(), {}
    for n, line in enumerate(lines, 1):
        if line in seen:
            continue
        seen.add(line)
        m = shape.search(line)
        if m and m["word"] in kinds:
            for e in line_expectations(file, n, line, m, kinds[m["word"]], judge, accept or {}):
                out.append(e)
                key = (m.groupdict().get("qid"), e["recipient"])
                waiting.pop(key, None)
                if e["kind"] == "deferred":
                    waiting[key] = e
        elif expiry and (m := expiry.search(line)):
            for key in [k for k in waiting if k[0] == m["qid"] and m.groupdict().get("to", k[1]) == k[1]]:
                last = waiting.pop(key)
                e = {k: last[k] for k in ("file", "recipient", "original_recipient", "accept") if k in last}
                out.append({**e, "line": n, "status_word": "expired", **verdict("expired", last["reason"]),
                            "accept": [*last.get("accept", []), "expired"]})
    return out


def line_expectations(file, n, line, m, kind, judge, accept):
    for to in re.split(r">?,<?", m["to"]):
        orig = m.groupdict().get("orig")
        orig = None if orig == "-" else orig
        if to.startswith(">"):  # an automatic reply to somebody else
            to, kind = orig, "expanded"
        if orig and (to.startswith("|") or "@" not in to):
            to = orig
        if "@" not in to:
            continue
        reason = judge.reason.get(to.lower()) or judge.reason.get((orig or "").lower()) or "unknown"
        if kind == "delivered" and "127.0.0.1" in line:
            kind = "relayed"
        if kind == "failed" and "retry timeout exceeded" in line:
            kind = "expired"
        ours = line.endswith(f"{to}: Unrouteable address")  # as its reports say; it may as well be a local user
        reason = "relay-denied" if ours else reason
        e = {"file": file, "line": n, "recipient": to, "status_word": m["word"], **verdict(kind, reason)}
        if orig and orig.lower() != to.lower():
            e["original_recipient"] = orig
        judge.widen(e, line)
        if ours:
            e["accept"] = ["domain-unknown"]
        if e["reason"] and to in accept:
            e["accept"] = [*e.get("accept", []), *accept[to]]
        yield e


def save_log(file, lines, judge, shape=None, kinds=None, **more):
    lines = list(lines)
    put(file, "".join(l + "\n" for l in lines))
    found = other_log(file, lines, judge, shape, kinds, **more) if shape else postfix_log(file, lines, judge)
    update([file], found)


def save_rotated(folder, lines):
    """mail.log, mail.log.1, .2.gz, .3.xz: one log as logrotate leaves it, oldest last."""
    lines = [l + "\n" for l in lines]
    cut = [len(lines) * i // 4 for i in range(5)]
    old3, old2, old1, cur = ("".join(lines[a:b]).encode() for a, b in zip(cut, cut[1:]))
    put(folder + "/mail.log.3.xz", lzma.compress(old3))
    put(folder + "/mail.log.2.gz", gzip.compress(old2, mtime=0))
    put(folder + "/mail.log.1", old1)
    put(folder + "/mail.log", cur)


def boxes():
    """mbox/ and maildir/ from all mails in dsn/."""
    names = sorted(os.listdir(SAMPLES + "/dsn"))
    out, box = [], os.path.join(SAMPLES, "maildir")
    shutil.rmtree(box, ignore_errors=True)
    for i, n in enumerate(names[::8]):
        with open(SAMPLES + "/dsn/" + n, "rb") as f:
            data = f.read()
        body = re.sub(rb"^(>*From )", rb">\1", data.replace(b"\r\n", b"\n"), flags=re.M)
        out.append(b"From MAILER-DAEMON Tue Mar  4 08:%02d:%02d 2025\n" % (i // 60, i % 60) + body.rstrip(b"\n") + b"\n\n")
        if i % 4 == 0:
            new = i % 8 == 0
            put("maildir/%s/%d.M%dP77.mail%s" % ("new" if new else "cur", 1741075200 + i, i, "" if new else ":2,S"), data)
    put("maildir/tmp/1741075999.M1P77.mail", b"From: MAILER-DAEMON@mail.example.org\nSubject: half writ")
    put("mbox/bounces.mbox", b"".join(out))
    update(["mbox/", "maildir"], [{"file": "mbox/bounces.mbox", "mails": len(out)},
                                    {"file": "maildir", "mails": (len(out) + 3) // 4}])
