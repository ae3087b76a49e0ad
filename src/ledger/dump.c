/* The dump is SQL: each section gives lines of text made of natural keys only, in the order of those texts. */
#include "ledger/store.h"

#define TEXT(column) "coalesce((SELECT text FROM names WHERE id = " column "), '')"
#define OPTIONAL(column) "coalesce(quote(" column "), '')"

static const char *const sections[] = {
    "SELECT printf('address %s %Q state %d cause %d hold %d since %s until %s due %s seen %s delivered %s failed %s as "
    "%s history %s',"
    " " TEXT("tenant") ", key, state, cause, hold, since_us, until_us, due_us, first_seen_us, last_delivered_us, "
                       "last_failed_us,"
                       " " OPTIONAL("address") ", " OPTIONAL("history") ") AS line FROM addresses ORDER BY line",

    "SELECT printf('suppression %s %Q scope %d stream %s cause %d reason %d since %s until %s', " TEXT(
        "a.tenant") ", a.key, s.scope,"
                    " " TEXT("s.stream") ", s.cause, s.reason, s.since_us, s.until_us) AS line"
                                         " FROM suppressions s JOIN addresses a ON a.id = s.address WHERE s.cause <> 0 "
                                         "ORDER BY line",

    "SELECT printf('event %016x%016x %s %Q what %d time %s kind %d reason %d certainty %d trust %d cause %d scope %d "
    "flags %d"
    " fold %s stream %s campaign %s source %s provider %s feed %s format %s rule %s rules %s phase %s evidence %s sent "
    "%s"
    " recipient %Q to %Q ids %Q %Q %Q %Q %Q status %Q remote %Q reporting %Q sender %Q ip %Q subject %Q platform %Q "
    "new %Q"
    " actor %Q note %Q reverified %Q decision %Q baseline %s reply %Q was %Q',"
    " e.source_hi, e.source_lo, " TEXT(
        "a.tenant") ", a.key, e.what, e.time_us, e.kind, e.reason, e.certainty, e.trust, e.cause,"
                    " e.scope, e.flags, " OPTIONAL("e.fold") ", " TEXT("e.stream") ", " TEXT("e.campaign") ", " TEXT(
                        "e.source") ","
                                    " " TEXT("e.provider") ", " TEXT("e.feed") ", " TEXT("e.format") ", " TEXT(
                                        "e.rule") ", " TEXT("e.rules_version") ", e.phase,"
                                                                               " e.evidence, e.sent_us, e.recipient, "
                                                                               "e.sent_to, e.id_verp, e.id_envid, "
                                                                               "e.id_message, e.id_provider, "
                                                                               "e.id_queue, e.status,"
                                                                               " e.remote_mta, e.reporting_mta, "
                                                                               "e.sender, e.sending_ip, e.subject, "
                                                                               "e.platform_cause, e.new_address, "
                                                                               "e.actor, e.note,"
                                                                               " e.reverified, e.decision, " OPTIONAL(
                                                                                   "e.baseline") ", r.text, e.was) AS "
                                                                                                 "line"
                                                                                                 " FROM events e JOIN "
                                                                                                 "addresses a ON a.id "
                                                                                                 "= e.address LEFT "
                                                                                                 "JOIN replies r ON "
                                                                                                 "r.id = e.reply ORDER "
                                                                                                 "BY line",

    "SELECT printf('tally %d %s stream %s campaign %s domain %s provider %s source %s ip %s kind %d reason %d count "
    "%d', hour,"
    " " TEXT("tenant") ", " TEXT("stream") ", " TEXT("campaign") ", " TEXT("domain") ", " TEXT("provider") ", " TEXT(
        "source") ","
                  " " TEXT("sending_ip") ", kind, reason, count) AS line FROM tallies WHERE count <> 0 ORDER BY line",

    "SELECT printf('day %d %s stream %s campaign %s provider %s source %s ip %s kind %d reason %d count %d', day,"
    " " TEXT("tenant") ", " TEXT("stream") ", " TEXT("campaign") ", " TEXT("provider") ", " TEXT("source") ", " TEXT(
        "sending_ip") ", kind, reason, count) AS line FROM tallies_days WHERE count <> 0 ORDER BY line",

    "SELECT printf('month %d %s stream %s domain %s provider %s kind %d reason %d count %d', month, " TEXT(
        "tenant") ", " TEXT("stream") ", " TEXT("domain") ", " TEXT("provider") ", kind, reason, count) AS line FROM "
                                                                                "tallies_months WHERE count <> 0 ORDER "
                                                                                "BY "
                                                                                "line",

    "SELECT printf('group %Q provider %s reason %d count %d first %s last %s', text, " TEXT(
        "provider") ", reason, count, first_us,"
                    " last_us) AS line FROM groups ORDER BY line",

    "SELECT printf('feed %Q position %Q memory %s', name, position, " OPTIONAL(
        "memory") ") AS line FROM feeds ORDER BY line",

    "SELECT printf('feed %Q remembers %s as %s', feed, quote(key), quote(value)) AS line FROM feed_memory ORDER BY "
    "line",

    "SELECT printf('sent %016x day %d', hash, day) AS line FROM sent ORDER BY line",

    "SELECT printf('opaque %s %Q of %Q day %d', " TEXT(
        "tenant") ", id, recipient, day) AS line FROM opaque ORDER BY line",

    "SELECT printf('domain %s %s delivered %s', " TEXT("tenant") ", " TEXT(
        "domain") ", delivered_us) AS line FROM domains"
                  " ORDER BY line",

    "SELECT printf('acquired %s %Q as %Q source %s form %Q batch %Q at %s', " TEXT("tenant") ", key, address, " TEXT(
        "source") ","
                  " form, batch, signed_up_us) AS line FROM acquired ORDER BY line",

    "SELECT printf('circumstance %d %s domain %s what %d by %d %Q reasons %x from %s until %s manual %d undone %d "
    "actor "
    "%Q note %Q', id,"
    " " TEXT("tenant") ", " TEXT(
        "domain") ", what, marked_by, name, reasons, from_us, until_us, manual, undone, actor, "
                  "note) AS line FROM circumstances ORDER BY line",

    "SELECT printf('incident %d signal %d ending %d pause %d failed %d of %d normal %d share %d seen %s', id, signal, "
    "ending,"
    " pause, failed, messages, normal_ppm, share_ppm, seen_us) AS line FROM incidents ORDER BY line",
    "SELECT printf('alert %s %s %s %Q state %d since %s opened %s closed %s part %d of %d limit %d usual %d cause %Q "
    "why %Q advice %Q look %Q acked %s by %Q silent %s', " TEXT(
        "tenant") ", rule, what, name, state, since_us, opened_us, closed_us, part, whole, limit_ppm, usual_ppm, "
                  "cause, why, advice, look, acked_us, acked_by, silent_until_us) AS line FROM alerts ORDER BY line",

    /* what is watched depends on what came first: only what a person decided */
    "SELECT printf('ground %s %Q %s', kind, name, " TEXT(
        "tenant") ") AS line FROM grounds WHERE actor IS NOT NULL ORDER BY line",

    "SELECT printf('notice %Q turn %d %Q made %s', channel, turn, text, made_us) AS line FROM notices ORDER BY line",

    "SELECT printf('beat %s %s', " TEXT("tenant") ", " TEXT("feed") ") AS line FROM beats ORDER BY line",

    "SELECT printf('code %d %s provider %s code %d phase %d reason %d count %d', hour, " TEXT("tenant") ", " TEXT(
        "provider") ", code, phase, reason, count) AS line FROM codes WHERE count <> 0 ORDER BY line",
    "SELECT printf('cadence %s stream %s since %s choice %d sendings %d median %s', " TEXT("tenant") ", " TEXT(
        "stream") ", since_us, choice, sendings, median_us) AS line FROM cadences ORDER BY line",

    "SELECT printf('provider %s says by %s of %Q %s day %d level %s of %s complaints %s traps %s spf %s dkim %s dmarc "
    "%s errors %s "
    "%Q', provider, source, subject, " TEXT(
        "tenant") ", day, level, recipients, complaint_ppm, traps, spf_ppm, dkim_ppm, "
                  "dmarc_ppm, error_ppm, detail) AS line FROM provider_reports ORDER BY line",
};

static enum status dump_section(struct ledger *l, const char *sql, void (*line)(void *ctx, slice text), void *ctx,
                                err *e)
{
    struct row r = {.l = l, .at = 1, .rc = SQLITE_OK};
    enum status st = OK;
    if (sqlite3_prepare_v2(l->db, sql, -1, &r.s, NULL) != SQLITE_OK)
        return store_fail(l, e, "prepare dump");
    while (row_next(&r, &st, e) > 0)
        line(ctx, cell_text(&r));
    sqlite3_finalize(r.s);
    return st;
}

enum status ledger_dump(struct ledger *l, void (*line)(void *ctx, slice text), void *ctx, err *e)
{
    bool mine = sqlite3_get_autocommit(l->db) != 0; /* one view of all sections */
    enum status st = mine ? store_exec(l, "BEGIN", e) : pending_flush(l, e);
    for (size_t i = 0; st == OK && i < ARRAY_LEN(sections); i++)
        st = dump_section(l, sections[i], line, ctx, e);
    if (mine)
        sqlite3_exec(l->db, "COMMIT", NULL, NULL, NULL);
    return st;
}
