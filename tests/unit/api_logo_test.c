/* Logos: what is taken for an image, what is not, and how it is shown. */
#include <string.h>

#include "api/image.h"
#include "api/logo.h"
#include "tests/support/panel.h"
#include "tests/support/testing.h"

/* A file that is put together. */
struct file {
	unsigned char b[LOGO_MAX + 4096];
	size_t len;
};

static void put(struct file *f, const void *data, size_t len)
{
	assert_true(f->len + len <= sizeof(f->b));
	memcpy(f->b + f->len, data, len);
	f->len += len;
}

static void put_number(struct file *f, uint32_t number, size_t n, bool is_big)
{
	for (size_t i = 0; i < n; i++) {
		unsigned char b = (unsigned char)(number >> 8 * (is_big ? n - 1 - i : i));

		put(f, &b, 1);
	}
}

#define PUT(f, literal) put((f), (literal), sizeof(literal) - 1)

static void png_chunk(struct file *f, const char *type, const void *data, size_t len)
{
	put_number(f, (uint32_t)len, 4, true);
	put(f, type, 4);
	put(f, data, len);
	PUT(f, "\0\0\0\0");
}

static void png(struct file *f, uint32_t width, uint32_t height, const char *comment)
{
	struct file head = { .len = 0 };

	f->len = 0;
	put_number(&head, width, 4, true);
	put_number(&head, height, 4, true);
	PUT(&head, "\x08\x06\0\0\0");
	PUT(f, "\x89PNG\r\n\x1a\n");
	png_chunk(f, "IHDR", head.b, head.len);
	png_chunk(f, "tEXt", comment, strlen(comment));
	png_chunk(f, "IDAT", "x\x9c\x03\0\0\0\0\x01", 8);
	png_chunk(f, "IEND", "", 0);
}

static void jpeg(struct file *f, uint32_t width, uint32_t height)
{
	f->len = 0;
	PUT(f, "\xff\xd8\xff\xe0\0\x10JFIF\0\x01\x01\0\0\x01\0\x01\0\0");
	PUT(f, "\xff\xff\xc2\0\x0b\x08");
	put_number(f, height, 2, true);
	put_number(f, width, 2, true);
	PUT(f, "\x01\x01\x11\0");
	PUT(f, "\xff\xda\0\x08\x01\x01\0\0\x3f\0\x12\xff\0\x34\xff\xd0\x56\xff\xd9");
}

static void gif(struct file *f, uint32_t width, uint32_t frame_width)
{
	f->len = 0;
	PUT(f, "GIF89a");
	put_number(f, width, 2, false);
	PUT(f, "\x02\0\x80\0\0\0\0\0\xff\xff\xff");
	PUT(f, "\x21\xfe\x03<b>\0");
	PUT(f, "\x2c\0\0\0\0");
	put_number(f, frame_width, 2, false);
	PUT(f, "\x02\0\0\x02\x02\x44\x01\0\x3b");
}

static void webp(struct file *f, const char *name, const void *data, size_t len)
{
	f->len = 0;
	PUT(f, "RIFF");
	put_number(f, (uint32_t)(12 + len + (len & 1)), 4, false);
	PUT(f, "WEBP");
	put(f, name, 4);
	put_number(f, (uint32_t)len, 4, false);
	put(f, data, len);
	if (len & 1)
		PUT(f, "\0");
}

static void text(struct file *f, const char *s)
{
	f->len = 0;
	put(f, s, strlen(s));
}

/* Read from a block of exactly its size, so that ASan sees a byte beyond. */
static int read_it(const struct file *f, struct image *ret, struct err *err)
{
	char *exact = mem_zero(NULL, f->len + 1);
	int r;

	memcpy(exact, f->b, f->len);
	r = image_read(exact, f->len, ret, err);
	(void)talloc_free(exact);
	return r;
}

static void is_image(const struct file *f, const char *extension, uint32_t width, uint32_t height)
{
	struct err err = ERR_INIT;
	struct image i = { 0 };

	assert_ok(read_it(f, &i, &err), &err);
	assert_string_equal(i.extension, extension);
	assert_int_equal(i.width, width);
	assert_int_equal(i.height, height);
}

static void is_refused(const struct file *f, const char *why)
{
	struct err err = ERR_INIT;
	struct image i = { 0 };

	assert_int_equal(read_it(f, &i, &err), -ERR_INVALID);
	assert_contains(err.msg, why);
}

TEST(each_format_is_known_by_its_content_with_its_size)
{
	struct file f;

	png(&f, 300, 200, "");
	is_image(&f, "png", 300, 200);
	jpeg(&f, 640, 480);
	is_image(&f, "jpg", 640, 480);
	gif(&f, 9, 9);
	is_image(&f, "gif", 9, 2);
	webp(&f, "VP8L", "\x2f\x2b\x41\x1e\0", 5);
	is_image(&f, "webp", 300, 122);
	webp(&f, "VP8 ", "\x10\0\0\x9d\x01\x2a\x2c\x41\x20\0", 10);
	is_image(&f, "webp", 300, 32);
	text(&f, "\xef\xbb\xbf<?xml version=\"1.0\"?>\n<!-- a --><!DOCTYPE svg PUBLIC \"x\" \"y\">"
		 "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"9999999\"></svg>\n");
	is_image(&f, "svg", 0, 0);
}

TEST(what_is_no_image_is_refused)
{
	static const char *const bad[] = {
		"<html><script>alert(1)</script></html>",
		"<!-- <svg> --><html></html>",
		"<svgx/>",
		"GIF8",
		"hello",
		"\x7f"
		"ELF",
		"<!--",
		"<?xml",
		"BM      ",
		"RIFF    WAVE",
		"%PDF-1.7",
	};
	struct file f;

	f.len = 0;
	is_refused(&f, "the file is empty");
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		text(&f, bad[i]);
		is_refused(&f, "allowed are PNG, JPEG, GIF, WebP and SVG");
	}
	f.len = 0;
	PUT(&f, "<svg>\0</svg>");
	is_refused(&f, "allowed are PNG");
	text(&f, "<!DOCTYPE svg [<!ENTITY a \"aaaa\">]><svg/>");
	is_refused(&f, "allowed are PNG"); /* the first > ends the document type: no <svg follows */
	text(&f, "<svg><!entity a \"aaaa\"></svg>");
	is_refused(&f, "entities");
	text(&f, "<svg ");
	is_refused(&f, "ends in its middle");
}

TEST(an_image_cut_anywhere_is_refused)
{
	struct file f, part;

	for (int kind = 0; kind < 4; kind++) {
		if (kind == 0)
			png(&f, 3, 2, "x");
		else if (kind == 1)
			jpeg(&f, 3, 2);
		else if (kind == 2)
			gif(&f, 3, 3);
		else
			webp(&f, "VP8L", "\x2f\x2b\x41\x1e\0", 5);
		for (size_t len = 0; len < f.len; len++) {
			struct err err = ERR_INIT;
			struct image i;

			part = f;
			part.len = len;
			if (read_it(&part, &i, &err) != -ERR_INVALID)
				fail_msg("kind %d with %zu of %zu bytes is taken", kind, len,
					 f.len);
		}
	}
}

TEST(something_else_behind_an_image_is_refused)
{
	struct file f;

	png(&f, 3, 2, "");
	PUT(&f, "<script>alert(1)</script>");
	is_refused(&f, "after the end of the PNG come 25 bytes more");
	jpeg(&f, 3, 2);
	PUT(&f, "PK\x03\x04");
	is_refused(&f, "after the end of the JPEG come 4 bytes more");
	gif(&f, 3, 3);
	PUT(&f, "\0");
	is_refused(&f, "after the end of the GIF come 1 bytes more");
	webp(&f, "VP8L", "\x2f\x2b\x41\x1e\0", 5);
	PUT(&f, "more");
	is_refused(&f, "after the end of the WebP come 4 bytes more");
	text(&f, "GIF89a/*<svg/onload=alert(1)>*/=1;");
	is_refused(&f, "GIF");
}

TEST(huge_or_missing_sizes_are_refused)
{
	struct file f;

	png(&f, 4096, 4096, "");
	is_image(&f, "png", 4096, 4096);
	png(&f, 4097, 1, "");
	is_refused(&f, "4097 by 1 pixels; allowed are 4096 by 4096");
	png(&f, 0x7fffffff, 0xffffffff, "");
	is_refused(&f, "pixels; allowed");
	png(&f, 0, 5, "");
	is_refused(&f, "is none");
	jpeg(&f, 65535, 65535);
	is_refused(&f, "65535 by 65535");
	gif(&f, 3, 60000);
	is_refused(&f, "60000 by 2");
	webp(&f, "VP8X", "\0\0\0\0\xff\xff\xff\0\0\0", 10);
	is_refused(&f, "is none"); /* no picture in it */
	webp(&f, "EXIF", "x", 1);
	is_refused(&f, "is none");
}

/* Through the API */

static const char *upload(struct panel *p, enum panel_who who, const struct file *f)
{
	struct panel_answer a = panel_upload(p, who, "branding/upload-logo", "logo", f->b, f->len);
	const char *url = json_string_value(json_object_get(a.data, "url"));

	assert_int_equal(a.status, 200);
	assert_int_equal(json_object_size(a.data), 1);
	assert_non_null(url);
	assert_int_equal(strncmp(url, LOGO_PATH "?id=", strlen(LOGO_PATH) + 4), 0);
	return url;
}

TEST(a_logo_is_shown_to_everybody_with_its_type_and_nothing_that_could_run)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const char *url, *tag;
	struct file f;

	panel_start(&p);
	png(&f, 30, 20, "<script>alert(1)</script>");
	url = upload(&p, AS_RESEL, &f);
	a = panel_get(&p, AS_RESEL, "branding/get");
	assert_string_equal(json_string_value(json_object_get(a.data, "logo_url")), url);
	a = panel_get(&p, AS_NOBODY, url);
	assert_int_equal(a.status, 200);
	assert_string_equal(panel_header(&p, &a, "Content-Type"), "image/png");
	assert_string_equal(panel_header(&p, &a, "X-Content-Type-Options"), "nosniff");
	assert_contains(panel_header(&p, &a, "Content-Security-Policy"), "default-src 'none'");
	assert_contains(panel_header(&p, &a, "Content-Security-Policy"), "sandbox");
	assert_string_equal(panel_header(&p, &a, "Content-Length"), mem_fmt(p.ctx, "%zu", f.len));
	assert_memory_equal(a.body, f.b, 8); /* the client's text ends at a NUL */
	assert_null(strstr(a.head, "no-store"));
	tag = panel_header(&p, &a, "ETag");
	a = panel_ask(&p, AS_NOBODY, "GET", url, NULL,
		      mem_fmt(p.ctx, "Connection: close\r\nIf-None-Match: W/\"a\", %s\r\n", tag));
	assert_int_equal(a.status, 304);
	assert_string_equal(a.body, "");
	assert_string_equal(panel_header(&p, &a, "ETag"), tag);
	panel_stop(&p);
}

TEST(an_svg_with_a_script_is_served_so_that_it_cannot_run)
{
	static const char svg[] = "<svg xmlns=\"http://www.w3.org/2000/svg\" onload=\"alert(1)\">"
				  "<script>alert(2)</script></svg>";
	struct panel p = { 0 };
	struct panel_answer a;
	struct file f;

	panel_start(&p);
	text(&f, svg);
	a = panel_get(&p, AS_NOBODY, upload(&p, AS_RESEL, &f));
	assert_int_equal(a.status, 200);
	assert_string_equal(a.body, svg);
	assert_string_equal(panel_header(&p, &a, "Content-Type"), "image/svg+xml");
	assert_string_equal(panel_header(&p, &a, "Content-Disposition"),
			    "attachment; filename=\"logo.svg\"");
	assert_string_equal(panel_header(&p, &a, "X-Content-Type-Options"), "nosniff");
	assert_string_equal(panel_header(&p, &a, "Content-Security-Policy"),
			    "default-src 'none'; style-src 'unsafe-inline'; "
			    "frame-ancestors 'none'; sandbox");
	panel_stop(&p);
}

TEST(a_new_logo_takes_the_place_of_the_old_one)
{
	struct panel p = { 0 };
	const char *first, *second, *foreign;
	struct panel_answer a;
	struct file f;

	panel_start(&p);
	png(&f, 1, 1, "");
	foreign = upload(&p, AS_OTHER, &f);
	first = upload(&p, AS_RESEL, &f);
	assert_string_not_equal(first, foreign);
	assert_string_equal(upload(&p, AS_RESEL, &f), first);
	png(&f, 2, 2, "");
	second = upload(&p, AS_RESEL, &f);
	assert_int_equal(panel_get(&p, AS_NOBODY, first).status, 404);
	assert_int_equal(panel_get(&p, AS_NOBODY, second).status, 200);
	assert_int_equal(panel_get(&p, AS_NOBODY, foreign).status, 200);
	a = panel_post(&p, AS_ADMIN, "branding/delete-logo", "{\"reseller_id\":2}");
	assert_int_equal(a.status, 200);
	assert_int_equal(panel_get(&p, AS_NOBODY, second).status, 404);
	a = panel_get(&p, AS_RESEL, "branding/get");
	assert_true(json_is_null(json_object_get(a.data, "logo_url")));
	panel_stop(&p);
}

TEST(a_dry_run_keeps_no_logo)
{
	struct panel p = { 0 };
	struct panel_answer a;
	const char *url;
	struct file f;

	panel_start(&p);
	png(&f, 1, 1, "");
	url = upload(&p, AS_RESEL, &f);
	png(&f, 2, 2, "");
	a = panel_upload(&p, AS_RESEL, "branding/upload-logo?dry_run=1", "logo", f.b, f.len);
	assert_int_equal(a.status, 503); /* no engine says what it would do */
	assert_int_equal(panel_get(&p, AS_NOBODY, url).status, 200);
	a = panel_post(&p, AS_RESEL, "branding/delete-logo?dry_run=1", "{}");
	assert_int_equal(panel_get(&p, AS_NOBODY, url).status, 200);
	panel_stop(&p);
}

TEST(a_hostile_upload_is_refused_and_changes_nothing)
{
	struct panel p = { 0 };
	struct panel_answer a;
	struct file f;

	panel_start(&p);
	text(&f, "<html><script>alert(1)</script>");
	a = panel_upload(&p, AS_RESEL, "branding/upload-logo", "logo", f.b, f.len);
	assert_int_equal(a.status, 422);
	assert_true(panel_blames(&a, "/logo"));
	a = panel_upload(&p, AS_RESEL, "branding/upload-logo", "logo", f.b, 0);
	assert_int_equal(a.status, 422);
	assert_contains(panel_message(&a), "logo: the file is empty");
	png(&f, 5000, 5000, "");
	a = panel_upload(&p, AS_RESEL, "branding/upload-logo", "logo", f.b, f.len);
	assert_int_equal(a.status, 422);
	png(&f, 1, 1, "");
	a = panel_upload(&p, AS_RESEL, "branding/upload-logo", "logo", f.b, f.len - 1);
	assert_int_equal(a.status, 422);
	a = panel_upload(&p, AS_RESEL, "branding/upload-logo", "logo", f.b, LOGO_MAX + 1);
	assert_int_equal(a.status, 413);
	assert_contains(panel_message(&a), "524289 bytes; allowed are 524288");
	a = panel_upload(&p, AS_RESEL, "branding/upload-logo", "file", f.b, f.len);
	assert_int_equal(a.status, 400);
	a = panel_upload(&p, AS_JOHN, "branding/upload-logo", "logo", f.b, f.len);
	assert_int_equal(a.status, 403);
	assert_string_equal(panel_sql(&p, "SELECT count(*) FROM branding WHERE logo_url NOTNULL"),
			    "0");
	panel_stop(&p);
}

TEST(no_name_shows_what_is_not_there)
{
	static const char *const ids[] = { "", "?id=", "?id=..%2f..%2fetc", "?id=%25",
					   "?id=0123456789abcdef0123456789abcdef" };
	struct panel p = { 0 };

	panel_start(&p);
	for (size_t i = 0; i < ARRAY_LEN(ids); i++) {
		struct panel_answer a =
			panel_get(&p, AS_NOBODY, mem_fmt(p.ctx, LOGO_PATH "%s", ids[i]));

		assert_true(a.status == 400 || a.status == 404);
		assert_true(json_is_false(json_object_get(a.json, "success")));
	}
	panel_stop(&p);
}
