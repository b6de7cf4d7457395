/* novacpx-api: the HTTP face. */
int main(void)
{
	return 0;
}
