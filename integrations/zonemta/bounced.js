'use strict';
// Tells bounced how deliveries went: one JSON object a line (docs/events.md) at the end of a file that bounced follows.
//
//   config/plugins/bounced.toml
//     ["modules/bounced"]
//     enabled = ["main", "sender"]
//     path = "/var/log/bounced/zonemta.ndjson"

const fs = require('fs');

// The actions of ZoneMTA's log that end an attempt.
const EVENTS = { ACCEPTED: 'delivered', DEFERRED: 'deferred', REJECTED: 'bounced', NOQUEUE: '', SKIPBOUNCE: '' };

module.exports.title = 'bounced';

module.exports.init = (app, done) => {
    const path = (app.config && app.config.path) || '/var/log/bounced/zonemta.ndjson';
    app.addHook('log:entry', (entry, next) => {
        const line = line_of(entry || {});
        if (!line) return next();
        return fs.appendFile(path, line, (err) => {
            if (err) app.logger.error('bounced', '%s: %s', path, err.message);
            next();
        });
    });
    done();
};

function line_of(entry) {
    const word = EVENTS[entry.action];
    const recipient = entry.to || entry.recipient;
    if (!word || !recipient) return '';
    const reply = String(entry.response || entry.error || '').slice(0, 4096);
    const expired = word === 'bounced' && /too many|expired|max(imum)? retr/i.test(entry.category || '');
    const event = {
        via: 'zonemta',
        event: expired ? 'expired' : word,
        recipient,
        time: new Date(entry.time || Date.now()).toISOString(),
        message_id: String(entry['message-id'] || entry.messageId || '').replace(/^<|>$/g, ''),
        queue_id: entry.id ? `${entry.node || ''}/zonemta/${entry.id}.${entry.seq || ''}` : '',
        sender: entry.from || '<>',
        remote_mta: entry.mx || entry.host,
        sending_ip: entry.src || entry.localAddress,
        campaign: entry.campaign,
        platform_cause: entry.category,
        reply,
    };
    if (entry.id) event.key = [entry.id, entry.seq, entry.action, event.time].join(' ');
    for (const name of Object.keys(event)) if (!event[name]) delete event[name];
    return `${JSON.stringify(event)}\n`;
}
