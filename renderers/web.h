/*
 * Places that the web renderers share with who asks the web server.
 *
 * Every site answers ACME challenges from one folder; in it lies a file by
 * which one sees that a site of ours answers (reconciler/site_probe.h).
 */
#ifndef RENDERERS_WEB_H
#define RENDERERS_WEB_H

#define ACME_URI  "/.well-known/acme-challenge/"
#define ACME_ROOT "/var/lib/novacpx/acme"

#define SITE_PROBE_URI  ACME_URI "novacpx-probe"
#define SITE_PROBE_TEXT "This name is served by NovaCPX.\n"

#endif
