/* The packets of the milter protocol: a length of 4 octets (big-endian, of what follows), a command of one octet, its data. Texts in
 * the data end in NUL. Version 2 (sendmail 8.12) to 6 (sendmail 8.14, Postfix since 2.6); there is no RFC, sendmail's
 * include/libmilter/mfdef.h is the specification.
 */
#ifndef NET_MILTER_WIRE_H
#define NET_MILTER_WIRE_H

#include "base/buf.h"

#define MILTER_MAX_PACKET_BYTES (64u * 1024) /* of a command that is read */
#define MILTER_MAX_PASSED_BYTES \
    (16u * 1024 * 1024) /* of one that is passed over: header fields and pieces of the body */
#define MILTER_VERSION_MIN 2u
#define MILTER_VERSION 6u

/* What a mail server tells. */
enum milter_command {
    MILTER_ABORT = 'A',
    MILTER_BODY = 'B',
    MILTER_CONNECT = 'C',
    MILTER_MACROS = 'D',
    MILTER_END = 'E',
    MILTER_HELO = 'H',
    MILTER_QUIT_NEW = 'K', /* this SMTP session is over; another one follows on the same connection */
    MILTER_HEADER = 'L',
    MILTER_MAIL = 'M',
    MILTER_END_HEADERS = 'N',
    MILTER_NEGOTIATE = 'O',
    MILTER_QUIT = 'Q',
    MILTER_RCPT = 'R',
    MILTER_DATA = 'T',
    MILTER_UNKNOWN = 'U'
};

/* What is answered. */
enum milter_reply {
    MILTER_DEL_RCPT = '-',
    MILTER_AGREE = 'O',
    MILTER_CONTINUE = 'c',
    MILTER_DISCARD = 'd',
    MILTER_CHANGE_FROM = 'e',
    MILTER_ADD_HEADER = 'h',
    MILTER_REPLY_CODE = 'y'
};

/* Changes that may be asked for at MILTER_END (SMFIF_*). */
enum milter_action {
    MILTER_MAY_ADD_HEADERS = 0x01,
    MILTER_MAY_DEL_RCPT = 0x08,
    MILTER_MAY_CHANGE_FROM = 0x40,
    MILTER_MAY_CHOOSE_MACROS = 0x100
};

/* Commands that are not wanted, and commands that get no answer (SMFIP_*). */
enum milter_step {
    MILTER_NO_HELO = 0x02,
    MILTER_NO_BODY = 0x10,
    MILTER_NO_HEADERS = 0x20,
    MILTER_NO_END_HEADERS = 0x40,
    MILTER_SILENT_HEADER = 0x80,
    MILTER_NO_UNKNOWN = 0x100,
    MILTER_NO_DATA = 0x200,
    MILTER_SILENT_CONNECT = 0x1000,
    MILTER_SILENT_HELO = 0x2000,
    MILTER_SILENT_MAIL = 0x4000,
    MILTER_SILENT_DATA = 0x10000,
    MILTER_SILENT_UNKNOWN = 0x20000,
    MILTER_SILENT_END_HEADERS = 0x40000,
    MILTER_SILENT_BODY = 0x80000
};

/* Stages for which macros are chosen (SMFIM_*). */
enum milter_stage { MILTER_AT_CONNECT = 0, MILTER_AT_MAIL = 2, MILTER_AT_RCPT = 3, MILTER_AT_END = 5 };

uint32_t milter_get_u32(const char *p);
/* A packet: milter_begin, then data, then milter_end with what milter_begin returned. */
size_t milter_begin(buf *out, enum milter_reply what);
void milter_end(buf *out, size_t begun);
void milter_add_u32(buf *out, uint32_t v);
void milter_add_text(buf *out, slice s); /* and its NUL; what stands behind a NUL in `s` is left out */
/* A packet without data. */
void milter_add(buf *out, enum milter_reply what);
/* Takes a text and its NUL from *data; a last text without one is taken too. False when nothing is left. */
bool milter_take_text(slice *data, slice *text);

#endif
