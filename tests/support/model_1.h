/*
 * A model.db of schema version 1, statement by statement, as the program of
 * that version left it: an account with a domain, a zone, a record and a
 * mailbox (revision 1), the zone changed under the key k1 (2), the mailbox
 * deleted (3). Never brought up to date: it is what migrations start from.
 */
#ifndef TESTS_MODEL_1_H
#define TESTS_MODEL_1_H

/* clang-format off */
static const char *const model_1[] = {
	"CREATE TABLE \"account\" (id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, crea"
	"ted INTEGER NOT NULL, \"username\" TEXT NOT NULL, \"user\" TEXT, \"package\" TEXT, \"email\" TEX"
	"T, \"status\" TEXT, \"suspend_reason\" TEXT, \"php_version\" TEXT, \"shell\" TEXT, \"home\" TEXT, "
	"UNIQUE(\"username\")) STRICT;",
	"INSERT INTO \"account\" VALUES(1,1,1795463564,'anna','anna','Small',NULL,'active',NULL,NUL"
	"L,'/usr/sbin/nologin',NULL);",
	"CREATE TABLE \"app\" (id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, created "
	"INTEGER NOT NULL, \"account\" TEXT NOT NULL, \"name\" TEXT NOT NULL, \"app_id\" TEXT NOT NULL,"
	" \"domain\" TEXT, \"params\" TEXT, UNIQUE(\"account\", \"name\")) STRICT;",
	"CREATE TABLE audit(id INTEGER PRIMARY KEY, time INTEGER NOT NULL, actor TEXT NOT NULL, s"
	"ource TEXT NOT NULL, action TEXT NOT NULL, resource TEXT, rev INTEGER, detail TEXT) STRI"
	"CT;",
	"INSERT INTO \"audit\" VALUES(1,1795463564,'root','cli:apply','commit',NULL,1,'+setting/dns"
	"_port\n+setting/web_ipv6\n+user/resale\n+user/anna\n+package/Small\n+account/anna\n+domain/ann"
	"a.example\n+zone/anna.example\n+record/anna.example/www/A/192.0.2.1\n+mailbox/info@anna.exa"
	"mple\n');",
	"INSERT INTO \"audit\" VALUES(2,1795463582,'root','cli:set','commit','zone/anna.example',2,"
	"'~zone/anna.example\n');",
	"INSERT INTO \"audit\" VALUES(3,1795463582,'root','cli:unset','commit','mailbox/info@anna.e"
	"xample',3,'-mailbox/info@anna.example\n');",
	"CREATE TABLE \"branding\" (id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, cre"
	"ated INTEGER NOT NULL, \"reseller\" TEXT NOT NULL, \"panel_name\" TEXT, \"logo_url\" TEXT, \"fa"
	"vicon_url\" TEXT, \"primary_color\" TEXT, \"accent_color\" TEXT, \"support_email\" TEXT, \"suppo"
	"rt_url\" TEXT, \"hide_powered_by\" INTEGER NOT NULL, \"custom_css\" TEXT, UNIQUE(\"reseller\"))"
	" STRICT;",
	"CREATE TABLE \"certificate\" (id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, "
	"created INTEGER NOT NULL, \"domain\" TEXT NOT NULL, \"account\" TEXT NOT NULL, \"type\" TEXT, "
	"\"cert\" TEXT, \"chain\" TEXT, \"cert_path\" TEXT, \"key_path\" TEXT, \"auto_renew\" INTEGER NOT N"
	"ULL, UNIQUE(\"domain\")) STRICT;",
	"CREATE TABLE change(rev INTEGER NOT NULL, seq INTEGER NOT NULL, op TEXT NOT NULL, kind T"
	"EXT NOT NULL, key TEXT NOT NULL, account TEXT, scope TEXT, PRIMARY KEY(rev, seq)) STRICT"
	", WITHOUT ROWID;",
	"INSERT INTO \"change\" VALUES(1,0,'+','setting','dns_port',NULL,NULL);",
	"INSERT INTO \"change\" VALUES(1,1,'+','setting','web_ipv6',NULL,NULL);",
	"INSERT INTO \"change\" VALUES(1,2,'+','user','resale',NULL,NULL);",
	"INSERT INTO \"change\" VALUES(1,3,'+','user','anna',NULL,NULL);",
	"INSERT INTO \"change\" VALUES(1,4,'+','package','Small',NULL,NULL);",
	"INSERT INTO \"change\" VALUES(1,5,'+','account','anna','anna',NULL);",
	"INSERT INTO \"change\" VALUES(1,6,'+','domain','anna.example','anna','anna.example');",
	"INSERT INTO \"change\" VALUES(1,7,'+','zone','anna.example','anna','anna.example');",
	"INSERT INTO \"change\" VALUES(1,8,'+','record','anna.example/www/A/192.0.2.1','anna','anna"
	".example');",
	"INSERT INTO \"change\" VALUES(1,9,'+','mailbox','info@anna.example','anna','anna.example')"
	";",
	"INSERT INTO \"change\" VALUES(2,0,'~','zone','anna.example','anna','anna.example');",
	"INSERT INTO \"change\" VALUES(3,0,'-','mailbox','info@anna.example','anna','anna.example')"
	";",
	"CREATE TABLE \"container\" (id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, cr"
	"eated INTEGER NOT NULL, \"account\" TEXT NOT NULL, \"name\" TEXT NOT NULL, \"image\" TEXT NOT "
	"NULL, \"ports\" TEXT, \"env\" TEXT, \"volumes\" TEXT, \"memory_mb\" INTEGER NOT NULL, \"cpus\" TEX"
	"T, \"enabled\" INTEGER NOT NULL, UNIQUE(\"account\", \"name\")) STRICT;",
	"CREATE TABLE \"cron_job\" (id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, cre"
	"ated INTEGER NOT NULL, \"account\" TEXT NOT NULL, \"name\" TEXT NOT NULL, \"schedule\" TEXT NO"
	"T NULL, \"command\" TEXT NOT NULL, \"enabled\" INTEGER NOT NULL, UNIQUE(\"account\", \"name\")) "
	"STRICT;",
	"CREATE TABLE \"database\" (id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, cre"
	"ated INTEGER NOT NULL, \"name\" TEXT NOT NULL, \"account\" TEXT NOT NULL, \"type\" TEXT, UNIQU"
	"E(\"name\")) STRICT;",
	"CREATE TABLE \"database_user\" (id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL"
	", created INTEGER NOT NULL, \"name\" TEXT NOT NULL, \"account\" TEXT NOT NULL, \"databases\" T"
	"EXT, UNIQUE(\"name\")) STRICT;",
	"CREATE TABLE \"dkim_key\" (id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, cre"
	"ated INTEGER NOT NULL, \"domain\" TEXT NOT NULL, \"selector\" TEXT NOT NULL, \"account\" TEXT "
	"NOT NULL, \"public_key\" TEXT NOT NULL, UNIQUE(\"domain\", \"selector\")) STRICT;",
	"CREATE TABLE \"domain\" (id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, creat"
	"ed INTEGER NOT NULL, \"name\" TEXT NOT NULL, \"account\" TEXT NOT NULL, \"type\" TEXT NOT NULL"
	", \"document_root\" TEXT, \"target\" TEXT, \"redirect_to\" TEXT, \"redirect_code\" TEXT, \"www\" I"
	"NTEGER NOT NULL, \"php\" INTEGER NOT NULL, \"force_https\" INTEGER NOT NULL, UNIQUE(\"name\"))"
	" STRICT;",
	"INSERT INTO \"domain\" VALUES(1,1,1795463564,'anna.example','anna','primary',NULL,NULL,NUL"
	"L,'301',1,1,0);",
	"CREATE TABLE \"firewall_rule\" (id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL"
	", created INTEGER NOT NULL, \"name\" TEXT NOT NULL, \"action\" TEXT NOT NULL, \"direction\" TE"
	"XT, \"protocol\" TEXT, \"port\" TEXT, \"from_ip\" TEXT, \"comment\" TEXT, UNIQUE(\"name\")) STRICT"
	";",
	"CREATE TABLE \"forwarder\" (id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, cr"
	"eated INTEGER NOT NULL, \"source\" TEXT NOT NULL, \"destination\" TEXT NOT NULL, \"account\" T"
	"EXT NOT NULL, \"domain\" TEXT, UNIQUE(\"source\", \"destination\")) STRICT;",
	"CREATE TABLE \"ftp_account\" (id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, "
	"created INTEGER NOT NULL, \"username\" TEXT NOT NULL, \"account\" TEXT NOT NULL, \"home_dir\" "
	"TEXT, \"quota_mb\" INTEGER NOT NULL, \"status\" TEXT, UNIQUE(\"username\")) STRICT;",
	"CREATE TABLE \"mailbox\" (id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, crea"
	"ted INTEGER NOT NULL, \"address\" TEXT NOT NULL, \"account\" TEXT NOT NULL, \"domain\" TEXT, \""
	"quota_mb\" INTEGER NOT NULL, \"status\" TEXT, UNIQUE(\"address\")) STRICT;",
	"CREATE TABLE \"package\" (id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, crea"
	"ted INTEGER NOT NULL, \"name\" TEXT NOT NULL, \"owner\" TEXT, \"disk_mb\" INTEGER NOT NULL, \"b"
	"andwidth_mb\" INTEGER NOT NULL, \"max_domains\" INTEGER NOT NULL, \"max_subdomains\" INTEGER "
	"NOT NULL, \"max_addon_domains\" INTEGER NOT NULL, \"max_parked_domains\" INTEGER NOT NULL, \""
	"max_email\" INTEGER NOT NULL, \"max_ftp\" INTEGER NOT NULL, \"max_databases\" INTEGER NOT NUL"
	"L, \"php_version\" TEXT, \"ssl_enabled\" INTEGER NOT NULL, \"is_default\" INTEGER NOT NULL, UN"
	"IQUE(\"name\")) STRICT;",
	"INSERT INTO \"package\" VALUES(1,1,1795463564,'Small',NULL,1024,10240,1,10,0,5,2,5,5,NULL,"
	"1,0);",
	"CREATE TABLE \"php_config\" (id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, c"
	"reated INTEGER NOT NULL, \"account\" TEXT NOT NULL, \"memory_limit\" TEXT, \"upload_max_files"
	"ize\" TEXT, \"post_max_size\" TEXT, \"max_execution_time\" INTEGER NOT NULL, \"max_input_time\""
	" INTEGER NOT NULL, \"max_input_vars\" INTEGER NOT NULL, \"display_errors\" INTEGER NOT NULL,"
	" \"allow_url_fopen\" INTEGER NOT NULL, \"timezone\" TEXT, \"max_children\" INTEGER NOT NULL, \""
	"idle_timeout\" INTEGER NOT NULL, \"max_requests\" INTEGER NOT NULL, UNIQUE(\"account\")) STRI"
	"CT;",
	"CREATE TABLE \"record\" (id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, creat"
	"ed INTEGER NOT NULL, \"zone\" TEXT NOT NULL, \"name\" TEXT NOT NULL, \"type\" TEXT NOT NULL, \""
	"value\" TEXT NOT NULL, \"ttl\" INTEGER, \"priority\" INTEGER, UNIQUE(\"zone\", \"name\", \"type\", "
	"\"value\")) STRICT;",
	"INSERT INTO \"record\" VALUES(1,1,1795463564,'anna.example','www','A','192.0.2.1',NULL,NUL"
	"L);",
	"CREATE TABLE revision(rev INTEGER PRIMARY KEY, time INTEGER NOT NULL, actor TEXT NOT NUL"
	"L, source TEXT NOT NULL, message TEXT, changes INTEGER NOT NULL, idempotency TEXT UNIQUE"
	", changeset BLOB NOT NULL) STRICT;",
	"INSERT INTO \"revision\" VALUES(1,1795463564,'root','cli:apply','First',10,NULL,X'54050100"
	"00000073657474696E6700120001000000000000000101000000000000000101000000006B04998C0308646E"
	"735F706F7274030435333533120001000000000000000201000000000000000101000000006B04998C030877"
	"65625F69707636030566616C7365540C01000000000000000000000075736572001200010000000000000001"
	"01000000000000000101000000006B04998C0306726573616C650308726573656C6C65720306616374697665"
	"03156F666669636540726573616C652E6578616D706C6505050503096E6F76612D6461726B0302656E120001"
	"000000000000000201000000000000000101000000006B04998C0304616E6E61030475736572030661637469"
	"76650316616E6E6140656C736577686572652E6578616D706C650306726573616C65050503096E6F76612D64"
	"61726B0302656E541101000000000000000000000000000000007061636B6167650012000100000000000000"
	"0101000000000000000101000000006B04998C0305536D616C6C050100000000000004000100000000000028"
	"0001000000000000000101000000000000000A01000000000000000001000000000000000501000000000000"
	"000201000000000000000501000000000000000505010000000000000001010000000000000000540C010000"
	"0000000000000000006163636F756E7400120001000000000000000101000000000000000101000000006B04"
	"998C0304616E6E610304616E6E610305536D616C6C050306616374697665050503112F7573722F7362696E2F"
	"6E6F6C6F67696E05540D01000000000000000000000000646F6D61696E001200010000000000000001010000"
	"00000000000101000000006B04998C030C616E6E612E6578616D706C650304616E6E6103077072696D617279"
	"0505050303333031010000000000000001010000000000000001010000000000000000540E01000000000000"
	"000000000000007A6F6E6500120001000000000000000101000000000000000101000000006B04998C030C61"
	"6E6E612E6578616D706C650304616E6E610306616374697665050505010000000000000E1001000000000001"
	"5180010000000000001C2001000000000024EA0001000000000001518054090100000000000000007265636F"
	"726400120001000000000000000101000000000000000101000000006B04998C030C616E6E612E6578616D70"
	"6C65030377777703014103093139322E302E322E310505540801000000000000006D61696C626F7800120001"
	"000000000000000101000000000000000101000000006B04998C0311696E666F40616E6E612E6578616D706C"
	"650304616E6E61030C616E6E612E6578616D706C650100000000000000640306616374697665');",
	"INSERT INTO \"revision\" VALUES(2,1795463582,'root','cli:set',NULL,1,'k1',X'540E0100000000"
	"0000000000000000007A6F6E6500170001000000000000000101000000000000000100000000000000010000"
	"000000000E1000000000000100000000000000020000000000000001000000000000025800000000');",
	"INSERT INTO \"revision\" VALUES(3,1795463582,'root','cli:unset',NULL,1,NULL,X'540801000000"
	"000000006D61696C626F7800090001000000000000000101000000000000000101000000006B04998C031169"
	"6E666F40616E6E612E6578616D706C650304616E6E61030C616E6E612E6578616D706C650100000000000000"
	"640306616374697665');",
	"CREATE TABLE secret(kind TEXT NOT NULL, key TEXT NOT NULL, field TEXT NOT NULL, value TE"
	"XT NOT NULL, rev INTEGER NOT NULL, dropped INTEGER NOT NULL DEFAULT 0, PRIMARY KEY(kind,"
	" key, field)) STRICT, WITHOUT ROWID;",
	"INSERT INTO \"secret\" VALUES('mailbox','info@anna.example','password','$y$j9T$oIKG.7rUUU3"
	"APwrYZyQ5/.$ESRGwD6/36oL2ejgmgxor8PLJu3A1.wX0/2Keu/U4HC',1,1);",
	"CREATE TABLE \"setting\" (id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, crea"
	"ted INTEGER NOT NULL, \"name\" TEXT NOT NULL, \"value\" TEXT NOT NULL, UNIQUE(\"name\")) STRIC"
	"T;",
	"INSERT INTO \"setting\" VALUES(1,1,1795463564,'dns_port','5353');",
	"INSERT INTO \"setting\" VALUES(2,1,1795463564,'web_ipv6','false');",
	"CREATE TABLE \"user\" (id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, created"
	" INTEGER NOT NULL, \"username\" TEXT NOT NULL, \"role\" TEXT, \"status\" TEXT, \"email\" TEXT, \""
	"reseller\" TEXT, \"contact_name\" TEXT, \"contact_phone\" TEXT, \"theme\" TEXT, \"language\" TEXT"
	", UNIQUE(\"username\")) STRICT;",
	"INSERT INTO \"user\" VALUES(1,1,1795463564,'resale','reseller','active','office@resale.exa"
	"mple',NULL,NULL,NULL,'nova-dark','en');",
	"INSERT INTO \"user\" VALUES(2,1,1795463564,'anna','user','active','anna@elsewhere.example'"
	",'resale',NULL,NULL,'nova-dark','en');",
	"CREATE TABLE \"zone\" (id INTEGER PRIMARY KEY AUTOINCREMENT, rev INTEGER NOT NULL, created"
	" INTEGER NOT NULL, \"name\" TEXT NOT NULL, \"account\" TEXT NOT NULL, \"status\" TEXT, \"primar"
	"y_ns\" TEXT, \"secondary_ns\" TEXT, \"admin_email\" TEXT, \"ttl\" INTEGER NOT NULL, \"refresh\" I"
	"NTEGER NOT NULL, \"retry\" INTEGER NOT NULL, \"expire\" INTEGER NOT NULL, \"minimum\" INTEGER "
	"NOT NULL, UNIQUE(\"name\")) STRICT;",
	"INSERT INTO \"zone\" VALUES(1,2,1795463564,'anna.example','anna','active',NULL,NULL,NULL,6"
	"00,86400,7200,2419200,86400);",
	"CREATE INDEX change_resource ON change(kind, key, rev);",
	"CREATE INDEX \"user_email\" ON \"user\"(\"email\");",
	"CREATE INDEX \"user_reseller\" ON \"user\"(\"reseller\");",
	"CREATE INDEX \"account_user\" ON \"account\"(\"user\");",
	"CREATE INDEX \"account_package\" ON \"account\"(\"package\");",
	"CREATE INDEX \"domain_account\" ON \"domain\"(\"account\");",
	"CREATE INDEX \"domain_target\" ON \"domain\"(\"target\");",
	"CREATE INDEX \"zone_account\" ON \"zone\"(\"account\");",
	"CREATE INDEX \"certificate_account\" ON \"certificate\"(\"account\");",
	"CREATE INDEX \"mailbox_account\" ON \"mailbox\"(\"account\");",
	"CREATE INDEX \"mailbox_domain\" ON \"mailbox\"(\"domain\");",
	"CREATE INDEX \"forwarder_destination\" ON \"forwarder\"(\"destination\");",
	"CREATE INDEX \"forwarder_account\" ON \"forwarder\"(\"account\");",
	"CREATE INDEX \"forwarder_domain\" ON \"forwarder\"(\"domain\");",
	"CREATE INDEX \"dkim_key_account\" ON \"dkim_key\"(\"account\");",
	"CREATE INDEX \"database_account\" ON \"database\"(\"account\");",
	"CREATE INDEX \"database_user_account\" ON \"database_user\"(\"account\");",
	"CREATE INDEX \"ftp_account_account\" ON \"ftp_account\"(\"account\");",
	"CREATE INDEX \"app_domain\" ON \"app\"(\"domain\");",
	"DELETE FROM \"sqlite_sequence\";",
	"INSERT INTO \"sqlite_sequence\" VALUES('setting',2);",
	"INSERT INTO \"sqlite_sequence\" VALUES('user',2);",
	"INSERT INTO \"sqlite_sequence\" VALUES('package',1);",
	"INSERT INTO \"sqlite_sequence\" VALUES('account',1);",
	"INSERT INTO \"sqlite_sequence\" VALUES('domain',1);",
	"INSERT INTO \"sqlite_sequence\" VALUES('zone',1);",
	"INSERT INTO \"sqlite_sequence\" VALUES('record',1);",
	"INSERT INTO \"sqlite_sequence\" VALUES('mailbox',1);",
	"PRAGMA user_version=1;",
};
/* clang-format on */

#endif
