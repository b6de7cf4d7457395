/*
 * Logos of resellers: taken by branding/upload-logo, shown at LOGO_PATH.
 *
 * The image lies in api.db, one a reseller, under a name of ours: a digest of
 * reseller and content. No file is made, so no path of a caller's is ever
 * used, and the confined process needs no further folder. branding.logo_url
 * (desired state) holds its address; it is shown to everybody (a login page
 * has no session) as long as that stands there. Images are not desired state:
 * a rollback to an address whose image was replaced shows none.
 *
 * It is served with its own type, nosniff and a policy that allows nothing and
 * sandboxes it, so that neither an SVG nor a file that is two things at once
 * can run; an SVG is also an attachment, for opened by itself it is a page of
 * the panel's origin. <img> shows it all the same, and never runs scripts.
 */
#ifndef API_LOGO_H
#define API_LOGO_H

#include "api/call.h"

#define LOGO_PATH "/api/branding/logo"

enum {
	LOGO_MAX = 512 * 1024,
	LOGO_BODY_MAX = LOGO_MAX + 16 * 1024, /* and what is around it */
};

/* On the writer. Takes the parameter `logo` for RESELLER: 0, and *RET_URL is where it will be shown. */
int logo_take(struct call *c, const char *reseller, const char **ret_url,
	      struct err *err) must_check;
/* Keeps what logo_take() took, in place of the reseller's old one, once the change was applied. */
int logo_keep(struct call *c, const char *reseller, const char *url, struct err *err) must_check;
int logo_drop(struct call *c, const char *reseller, struct err *err) must_check;
/* GET of LOGO_PATH. */
int logo_show(struct call *c, struct err *err) must_check;

#endif
