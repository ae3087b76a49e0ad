'use strict';
// Tells bounced how deliveries went: one JSON object a line (docs/events.md) at the end of a file that bounced follows.
//
//   config/plugins    a line "bounced"
//   config/bounced.ini    path = /var/log/bounced/haraka.ndjson    (this is the default)

const fs = require('fs');

const CAMPAIGN_HEADERS = ['X-Campaign', 'X-Campaign-ID', 'X-Mailing-ID'];

exports.register = function () {
    const ini = this.config.get('bounced.ini');
    this.path = (ini && ini.main && ini.main.path) || '/var/log/bounced/haraka.ndjson';
    this.register_hook('queue_outbound', 'remember');
    this.register_hook('delivered', 'on_delivered');
    this.register_hook('deferred', 'on_deferred');
    this.register_hook('bounce', 'on_bounce');
};

// The notes of a transaction go with the mail into the queue.
exports.remember = function (next, connection) {
    const txn = connection && connection.transaction;
    if (txn) {
        const get = (name) => (txn.header.get(name) || '').trim();
        txn.notes.bounced = {
            message_id: get('Message-ID').replace(/^<|>$/g, ''),
            campaign: CAMPAIGN_HEADERS.map(get).find((v) => v) || '',
            stream: get('X-Stream'),
        };
    }
    next();
};

exports.on_delivered = function (next, hmail, params) {
    const [host, ip, response, , , , recipients] = params;
    const local = /^(127\.|::1$)/.test(ip || '');
    this.tell(hmail, recipients || hmail.todo.rcpt_to, () => ({
        event: local ? 'relayed' : 'delivered', reply: text(response), remote_mta: host }));
    next();
};

exports.on_deferred = function (next, hmail, params) {
    const err = (params && params.err) || params || {};
    this.tell(hmail, err.deferred_rcpt || hmail.todo.rcpt_to, (rcpt) => ({ event: 'deferred', ...failure(rcpt, err) }));
    next();
};

// Haraka gives up on all that is left when its retries are over.
exports.on_bounce = function (next, hmail, err) {
    const expired = /too many failures/i.test(String(err && (err.message || err)));
    this.tell(hmail, (err && err.bounced_rcpt) || hmail.todo.rcpt_to, (rcpt) => ({
        event: expired ? 'expired' : 'bounced', ...failure(rcpt, err) }));
    next();
};

function text(v) {
    return (Array.isArray(v) ? v.join('\n') : String(v === undefined || v === null ? '' : v)).slice(0, 4096);
}

function failure(rcpt, err) {
    const said = [rcpt.dsn_smtp_code, rcpt.dsn_smtp_extc, rcpt.dsn_smtp_response].filter((v) => v).join(' ');
    return { reply: said || text(rcpt.reason || (err && err.message) || (typeof err === 'string' ? err : '')),
        status: rcpt.dsn_status, remote_mta: rcpt.dsn_remote_mta || (err && err.mx && err.mx.exchange) };
}

exports.tell = function (hmail, recipients, what) {
    const todo = hmail.todo;
    const known = (todo.notes && todo.notes.bounced) || {};
    const attempt = hmail.num_failures || 0;
    const lines = recipients.map((rcpt) => {
        const address = typeof rcpt.address === 'function' ? rcpt.address() : rcpt.address || String(rcpt);
        const event = { via: 'haraka', recipient: address, time: new Date().toISOString(), ...known, ...what(rcpt),
            sender: (todo.mail_from && todo.mail_from.address && todo.mail_from.address()) || '<>',
            queue_id: `${this.config && this.config.get ? this.config.get('me') || '' : ''}/haraka/${todo.uuid}` };
        event.key = [todo.uuid, event.event, attempt].join(' ');
        if (todo.queue_time) event.sent_time = Math.floor(todo.queue_time / 1000);
        for (const name of Object.keys(event)) if (!event[name]) delete event[name];
        return `${JSON.stringify(event)}\n`;
    });
    fs.appendFile(this.path, lines.join(''), (err) => {
        if (err) this.logerror(`bounced: ${this.path}: ${err.message}`);
    });
};
