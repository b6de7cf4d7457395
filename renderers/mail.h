/*
 * Places that the mail renderers share: the maps of Postfix, Dovecot's files,
 * where mail lies.
 *
 * The maps are .lmdb files that the engine edits row by row; neither they nor
 * Dovecot's passwd files need a reload, so their artifacts have no service.
 *
 * Dovecot notices a new passwd file in its own time. So that it can be asked
 * which one it answers from, the first row is of a user that is only asked for
 * and has a digest of all others among its fields.
 */
#ifndef RENDERERS_MAIL_H
#define RENDERERS_MAIL_H

#define MAIL_MAPS    "/etc/postfix/novacpx"
#define MAIL_DOVECOT "/etc/dovecot/novacpx"
#define MAIL_STORE   "/var/vmail"
#define MAIL_USER    "vmail"

#define LOGINS_USER    ".novacpx" /* @DOMAIN; no address begins with a dot */
#define LOGINS_VERSION "novacpx"  /* name of that field */

#define MAP_DOMAINS   MAIL_MAPS "/domains.lmdb"
#define MAP_MAILBOXES MAIL_MAPS "/mailboxes.lmdb" /* every mailbox, suspended ones too */
#define MAP_ALIASES   MAIL_MAPS "/aliases.lmdb"   /* address → where its mail goes */
#define MAP_REFUSED   MAIL_MAPS "/refused.lmdb"   /* address → what the sender is told */
#define MAP_SENDERS   MAIL_MAPS "/senders.lmdb"   /* address → logins that may send as it */

#endif
