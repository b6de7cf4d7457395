#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/support/testing.h"
#include "tests/support/web.h"

#define HOST  "Host: localhost\r\n"
#define CLOSE "Connection: close\r\n"

TEST(a_request_is_answered_and_the_connection_kept)
{
	struct web w = { 0 };
	int fd;
	char *a;

	web_start(&w);
	fd = web_connect(&w);
	web_send(fd, "GET /echo?a=1&b=x%20y+z&a=2 HTTP/1.1\r\n" HOST
		     "Cookie: x=1; sid=\"abc\"\r\n\r\n");
	a = web_read_one(&w, fd);
	assert_int_equal(web_status(a), 200);
	assert_contains(a, "\r\n\r\nGET /echo?a=1&b=x y z&a=2& 127.0.0.1 plain abc\n");
	assert_null(strstr(a, "Server:"));
	assert_ptr_equal(strstr(strstr(a, "Date: ") + 1, "Date: "), NULL);
	web_send(fd, "POST /echo HTTP/1.1\r\n" HOST "Content-Length: 5\r\n\r\nhello");
	a = web_read_one(&w, fd);
	assert_contains(a, "POST /echo? 127.0.0.1 plain -\nhello");
	(void)close(fd);
	web_stop(&w);
}
