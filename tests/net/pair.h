/* A key and a certificate for tests, made on the spot.
 */
#ifndef TESTS_NET_PAIR_H
#define TESTS_NET_PAIR_H

/* Writes FOLDER/NAME.key and FOLDER/NAME.crt: self-signed for NAME and for 127.0.0.1, good from now on for a day. `passphrase` NULL:
 * the key has none. Fails the test when it cannot. */
void pair_make(const char *folder, const char *name, const char *passphrase);

#endif
