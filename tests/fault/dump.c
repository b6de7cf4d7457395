/* Prints tables of a database as text, a row a line: `dump FILE SELECT...`. For comparing two machines. */
#include <sqlite3.h>
#include <stdio.h>

static int row(void *arg, int n, char **values, char **names)
{
	(void)arg;
	(void)names;
	for (int i = 0; i < n; i++)
		(void)printf("%s%s", i ? "|" : "", values[i] ? values[i] : "-");
	(void)putchar('\n');
	return 0;
}

int main(int argc, char **argv)
{
	sqlite3 *db = NULL;
	int rc = argc < 3 ? SQLITE_MISUSE
			  : sqlite3_open_v2(argv[1], &db, SQLITE_OPEN_READWRITE, NULL);

	for (int i = 2; i < argc && rc == SQLITE_OK; i++)
		rc = sqlite3_exec(db, argv[i], row, NULL, NULL);
	if (rc != SQLITE_OK)
		(void)fprintf(stderr, "dump: %s\n", db ? sqlite3_errmsg(db) : "usage");
	(void)sqlite3_close(db);
	return rc != SQLITE_OK;
}
