/* Defects that tests/hostile found in the API, each as small as it gets. */
#include <string.h>

#include "tests/support/panel.h"
#include "tests/support/testing.h"

TEST(whoever_carries_the_cookie_of_a_suspended_user_can_still_log_in_as_another)
{
	struct panel p = { 0 };
	struct panel_answer a;

	panel_start(&p);
	a = panel_post(&p, AS_ADMIN, "accounts/suspend", "{\"id\":1}");
	assert_int_equal(a.status, 200);
	a = panel_post(&p, AS_JOHN, "auth/login",
		       "{\"username\":\"admin\",\"password\":\"" PANEL_PASSWORD "\"}");
	assert_int_equal(a.status, 200);
	assert_non_null(panel_header(&p, &a, "Set-Cookie"));
	assert_int_equal(panel_get(&p, AS_JOHN, "system/version").status, 200);
	assert_int_equal(panel_get(&p, AS_JOHN, "/api/openapi.json").status, 200);
	assert_int_equal(panel_get(&p, AS_JOHN, "auth/me").status, 401);
	panel_stop(&p);
}
