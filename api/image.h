/*
 * What an uploaded image is, found from its content; what the client calls it
 * is never looked at.
 *
 * Nothing is decoded. The frame of the format is walked from the first byte to
 * the last, so that a file that is cut short, or that has something else
 * behind the image, is refused; width and height are read where a decoder
 * would read them. PNG (ISO/IEC 15948), JPEG (ITU-T T.81, annex B), GIF
 * (GIF89a), WebP (RFC 9649), SVG.
 *
 * An SVG is a document that can hold scripts. It is not cleaned: that needs an
 * XML parser and a list of all that browsers run, and a gap in either is a
 * script on the panel's own origin. It is taken as it is and only ever served
 * so that it cannot run (api/logo.h). Entities are refused, for they make a
 * small file large.
 */
#ifndef API_IMAGE_H
#define API_IMAGE_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

enum {
	IMAGE_SIDE_MAX = 4096, /* pixels: a browser takes 4 bytes for each to show it */
};

struct image {
	const char *type;       /* "image/png" */
	const char *extension;  /* "png" */
	uint32_t width, height; /* 0: it has none of its own (SVG) */
};

/* DATA has a NUL after its LEN bytes. -ERR_INVALID says what is wrong; RET points at literals. */
int image_read(const void *data, size_t len, struct image *ret, struct err *err) must_check;

#endif
