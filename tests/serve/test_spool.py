"""Events out of a spool directory, by the daemon as a whole."""
import json
import unittest

from daemontest import DaemonCase


class Spool(DaemonCase):
    def put(self, name, *items):
        path = self.dir / "spool" / f".{name}"
        path.write_text("".join(json.dumps(item) + "\n" for item in items))
        path.rename(self.dir / "spool" / name)

    def test_files_are_taken_and_what_is_wrong_is_put_away(self):
        d = self.daemon("[spool hooks]\npath = spool\n")
        self.put("1", {"event": "bounced", "recipient": "a@remote.example", "time": "2026-11-21T20:43:24Z",
                       "reply": "550 5.1.1 no such user"})
        self.put("2", {"event": "exploded", "recipient": "b@remote.example", "key": "1"})
        spool = self.dir / "spool"
        d.until(lambda: [p.name for p in spool.iterdir()] == ["bad"], "the files were never taken")
        self.assertIn("suppressed", self.bounced("check", "a@remote.example", code=None).out)
        self.assertEqual(len(list((spool / "bad").iterdir())), 1)
        d.until_told("spool.refused feed=spool:hooks")
        self.assertEqual(d.end(), 0)


if __name__ == "__main__":
    unittest.main()
