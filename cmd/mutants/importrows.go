package main

// importMutants returns the mutants of the rule that an import grants no more than
// the source did.
func importMutants() []mutant {
	const (
		columns = "cmd/tokenctl/export/columns.go"
		fields  = "cmd/tokenctl/export/fields.go"
		tables  = "cmd/tokenctl/export/csv.go"
		pages   = "cmd/tokenctl/export/pages.go"
		lists   = "cmd/tokenctl/export/notation.go"
		reader  = "cmd/tokenctl/export/export.go"
		newAPI  = "cmd/tokenctl/export/dialect.go"
		liteLLM = "cmd/tokenctl/export/litellm.go"
		apigw   = "cmd/tokenctl/export/apigateway.go"
		command = "cmd/tokenctl/exportread.go"
		users   = "cmd/tokenctl/export/users.go"
		owners  = "cmd/tokenctl/export/owner.go"
		sqlite  = "cmd/tokenctl/source/sqlite.go"
		dbtable = "cmd/tokenctl/source/table.go"
		apis    = "cmd/tokenctl/source/api.go"
		apiList = "cmd/tokenctl/source/pages.go"
		apiNew  = "cmd/tokenctl/source/newapi.go"
		sources = "./cmd/tokenctl/source"
		keys    = "cmd/tokenctl/export/key.go"
		missing = "cmd/tokenctl/export/missing.go"
		pattern = "cmd/tokenctl/export/patterns.go"
		exports = "./cmd/tokenctl/export"
		scripts = "TestScript/import"
	)
	return []mutant{
		{"an import ignores a column that restricts", columns, "; restricts && d.restricts(f, column) {", "; restricts && false {", exports, "TestLiteLLM"},
		{"an import ignores columns that it does not know", command, "case len(file.Unknown) > 0:", "case len(file.Unknown) > 99:", "./cmd/tokenctl", scripts},
		{"a column that is known to restrict is ignored with its object", columns, "!restricts && !d.imports(column) && strings", "(restricts || !d.imports(column)) && strings", exports, "TestIgnoreColumns"},
		{"--ignore-column removes a budget", columns, "has && d.imports(column) && !restricts &&", "has && !d.imports(column) && !restricts &&", exports, "TestIgnoreColumns"},
		{"NULL in a CSV file is a value", tables, "(t.isQuoted(i) || !isNoValue(value))", "len(value) > 0", exports, "TestLiteLLMTable"},
		{"NULL in quotes is no value", tables, "(t.isQuoted(i) || !isNoValue(value))", "!isNoValue(value)", exports, "TestLiteLLMTable"},
		{"NULL in quotes is a text", fields, "		case isNoValue(s):\n", "		case isNoValue(s) && s == \"\":\n", exports, "TestNewAPI"},
		{"a list with only an empty element restricts nothing", lists, `!ok || s == "" {`, `!ok {`, exports, "TestNewAPI"},
		{"a list of Postgres is split at commas", lists, `	case strings.HasPrefix(s, "{"):`, `	case strings.HasPrefix(s, "{{"):`, exports, "TestLiteLLMTable"},
		{"two columns with different lists: the wider one counts", fields, "case !slices.Equal(set(list), set(next)):", "case len(set(list)) > 99:", exports, "TestListUnderTwoNames"},
		{"a page is imported as the whole", pages, "case n < total:", "case n < 0:", exports, "TestPagesAreNotTheWhole"},
		{"a page with a cursor is imported as the whole", pages, "complete = complete || !p.more", "complete = complete || p.more", exports, "TestPagesAreNotTheWhole"},
		{"a page that is twice in a file is imported twice", reader, "; ok && row.Problem ==", "; ok && row.Skip != \"\" && row.Problem ==", exports, "TestPageTwice"},
		{"a row is imported without the columns that are cut off", tables, "case t.isCut(len(cells) - 1):", "case t.isCut(len(cells)-1) && number == 1:", exports, "TestCutOffRows"},
		{"a renewing budget of LiteLLM begins anew without --restart-windows", liteLLM, "; isUsed && (resets", "; isUsed && false && (resets", exports, "TestLiteLLM"},
		{"the larger one of two budgets counts", liteLLM, "*in.RemainQuota > left", "*in.RemainQuota < left", exports, "TestLiteLLM"},
		{"the larger one of two budgets that renew counts", liteLLM, "*w.Quota = min(*w.Quota, quota)", "*w.Quota = max(*w.Quota, quota)", exports, "TestLiteLLM"},
		{"a negative spend enlarges a budget", liteLLM, "case spend == nil || spend.Sign() < 0:", "case spend == nil:", exports, "TestLiteLLM"},
		{"a file of LiteLLM without the column of budgets has unlimited keys", missing, "	if len(missing) > 0 {", "	if len(missing) > 9 {", exports, "TestLiteLLM"},
		{"a token of New API is imported without its status", missing, "f.options.KeepKeys && !has(\"id\"", "!f.options.ByID && !has(\"none\"", exports, "TestMissingColumns"},
		{"a token of New API without a value for its status is enabled", missing, `n.none != "" && !is(`, `n.none == "" && !is(`, exports, "TestMissingColumns"},
		{"a list of models that is not in the file is all models", missing, "if f.options.ByID {", "if len(needs) > 0 {", exports, "TestMissingColumns"},
		{"a deleted token of New API is imported if the file does not say so", missing, `!isOurs(f.values) && !f.present["deletedat"] &&`, `isOurs(f.values) && !f.present["deletedat"] &&`, exports, "TestMissingColumns"},
		{"a column of the file is ignored although it is imported", columns, "if has && d.imports(column)", "if !has && d.imports(column)", exports, "TestMissingColumns"},
		{"a user without a status is enabled", owners, "		status = 0\n", "", exports, "TestMissingColumns"},
		{"a token of a user that a join does not find is enabled", owners, ` || f.present["users.status"] {`, " {", exports, "TestMissingColumns"},
		{"a name with which New API allows nothing is allowed", "cmd/tokenctl/export/aswritten.go", "		if isReplaced(m) {", "		if isReplaced(m) && m == \"\" {", exports, "TestReplacedNames"},
		{"a name of One API becomes a pattern of New API", pattern, "return f.present[\"model_limits\"]", "return f.present != nil", exports, "TestPatternsOfNewAPI"},
		{"a name of New API that is no pattern there becomes one", pattern, "slices.Contains(newAPIPatterns, model)", "slices.Contains(newAPIPatterns, model) || strings.HasSuffix(model, \"-*\")", exports, "TestPatternsOfNewAPI"},
		{"shadow takes a status without a value for an enabled key", missing, "	if f.present[column] {\n		return 0", "	if f.present[column] && otherwise == 0 {\n		return 0", exports, "TestThereWithoutValues"},
		{"a list in the metadata of LiteLLM makes a table without rates unlimited", missing, "!isText && !isPart {", "!isText && (!isPart || true) {", exports, "TestMissingColumns"},
		{"a table of LiteLLM without its teams and rates has unlimited keys", missing, "	if isTable {", "	if isTable && columns == nil {", exports, "TestMissingColumns"},
		{"the models of a team become all models", liteLLM, "slices.IndexFunc(models, special.MatchString); i >= 0 {", "slices.IndexFunc(models, special.MatchString); i > 9 {", exports, "TestLiteLLM"},
		{"a rate in tokens becomes one in units of money", liteLLM, "f.options.UnitsPerDollar > 0 {", "f.options.UnitsPerDollar > 999 {", exports, "TestLiteLLM"},
		{"the limits of One Hub are dropped", newAPI, "	f.hubLimits(&in)\n", "", exports, "TestNewAPI"},
		{"an exhausted token works again after the import", newAPI, "lasting && !isOurs(f.values)", "lasting && isOurs(f.values)", exports, "TestNewAPI"},
		{"a key of API Gateway is imported without its plans", apigw, "restricting: map[string]string{plans: inPlans, ", "restricting: map[string]string{plans + \"x\": inPlans, ", exports, "TestAPIGateway"},
		{"an answer of API Gateway that names no plans has none", apigw, "!f.present[plans] &&", "f.present[plans] &&", exports, "TestAPIGateway"},
		{"a key of API Gateway or Unkey is imported although the file does not say whether it is enabled", missing, `{[]string{"enabled"}, "and`, `{[]string{"name"}, "and`, exports, "TestAPIGateway"},
		{"a file with names and keys alone is of API Gateway", newAPI, `has("key") && len(columns) == 2 {`, `has("key") && len(columns) == 0 {`, exports, "TestUnreadableFiles"},
		{"a disabled key of API Gateway works after the import", apigw, "enabled != nil && !*enabled)", "enabled != nil && *enabled)", exports, "TestDialects"},
		{"a token of a disabled user works after the import", newAPI, " || f.isOfDisabledUser())", " || f.isOfDisabledUser() && false)", sources, "TestUsers"},
		{"a token of a deleted user is imported", owners, `at != "", status`, `at == "x", status`, sources, "TestUsers"},
		{"a token of a user that is missing is imported", dbtable, "json.RawMessage(missingUser)", "json.RawMessage(`{}`)", sources, "TestUsers"},
		{"a database is imported without its newest changes", sqlite, "case err == nil && log.Size() > 0:", "case err == nil && log.Size() < 0:", sources, "TestUnreadable"},
		{"a database is imported while another program writes to it", sqlite, "err == nil && string(head) == journalMagic", "err == nil && string(head) == magic", sources, "TestUnreadable"},
		{"the rows before the damage of a database are imported as all", dbtable, `if row.ColumnText(0) != "ok" {`, `if row.ColumnText(0) == "" {`, sources, "TestUnreadable"},
		{"a database that a symlink names is imported without its newest changes", sqlite, "filepath.EvalSymlinks(name) // SQLite", "name, error(nil) // SQLite", sources, "TestBeside"},
		{"a database with two names is imported without the changes beside the other", sqlite, "names > 1 {", "names > 9 {", sources, "TestBeside"},
		{"a log that can't be read is none", sqlite, "case err != nil && !errors.Is(err, fs.ErrNotExist):", "case err != nil && err == fs.ErrNotExist:", sources, "TestBeside"},
		{"a database without a table of users has no disabled ones", dbtable, "	case !found:\n		return fmt", "	case !found && table == \"\":\n		return fmt", sources, "TestUsersUnderAnyName"},
		{"a table Users is not the table users", dbtable, " collate nocase\", func", "\", func", sources, "TestUsersUnderAnyName"},
		{"a user is twice in a database, and one row counts", dbtable, "if _, twice := all[id]; twice {", "if _, twice := all[id]; twice && id == \"\" {", sources, "TestUsersUnderAnyName"},
		{"bytes in a database that are no text are read as text", dbtable, "if !utf8.Valid(raw) {", "if !utf8.Valid(raw) && raw == nil {", sources, "TestNewAPI"},
		{"a token of a user that --users does not name goes to the next owner", users, "case len(shown) > 0:", "case len(shown) > 9:", exports, "TestOwners"},
		{"a user gets the tokens of another by a name that is the other's ID", users, `if i > 0 && strings`, `if i > 9 && strings`, exports, "TestOwners"},
		{"--users names two users for one owner, and one of them gets the tokens", users, `to != "" && user != "" && to != user`, `to != "" && user != "" && to == "x"`, exports, "TestOwners"},
		{"--users has an owner twice, and one line counts", users, "if _, twice := u[from]; twice {", "if _, twice := u[from]; twice && from == \"\" {", exports, "TestReadUsers"},
		{"an import writes before it reports that a user is missing", "cmd/tokenctl/importcheck.go", "if len(missing) > 0 {", "if len(missing) > 9 {", "./cmd/tokenctl", "TestScript/import-users"},
		{"an import stops in the middle because a user may not have so many tokens", "cmd/tokenctl/importcheck.go", "most > 0 && n > most {", "most > 0 && n > most+99 {", "./cmd/tokenctl", "TestScript/import-keys"},
		{"an import that is repeated counts its tokens twice", "cmd/tokenctl/importcheck.go", "if at.UserID == u.ID {", "if at.UserID == 0 {", "./cmd/tokenctl", "TestScript/import-keys-stop"},
		{"the access token of another system is sent to another machine", apis, "if next.URL.Scheme != first.Scheme || next.URL.Host != first.Host {", "if next.URL.Scheme != first.Scheme {", sources, "TestTokenStaysHere"},
		{"an answer that is cut off is read as a whole", apis, "	case err != nil:\n		return 0, errCutOff", "	case err != nil && len(content) > 999:\n		return 0, errCutOff", sources, "TestNotWhole"},
		{"tokens of an API are imported although some are missing", apiList, "int64(len(l.items)) != l.total {", "int64(len(l.items)) > l.total {", sources, "TestNotWhole"},
		{"pages with different totals are imported as one list", apiList, "if l.total >= 0 && l.total != *total {", "if l.total >= 999 && l.total != *total {", sources, "TestNotWhole"},
		{"a token on two pages is imported twice", apiList, "if l.ids[id] {", "if l.ids[id] && id == \"\" {", sources, "TestNotWhole"},
		{"a token that slips between pages of One API is lost", apiNew, "if l.total < 0 {", "if l.total < -1 {", sources, "TestNotWhole"},
		{"a token that the root user lists works although its user is disabled", apiNew, "if len(owners) < 2 {", "if len(owners) < 99 {", sources, "TestUsersOfRoot"},
		{"a token gets the key that the API gave for another", apiNew, "strings.HasSuffix(plain, after) {", "strings.HasSuffix(plain, \"\") {", sources, "TestNoKeys"},
		{"an access token is sent over http to another machine", "cmd/tokenctl/importsource.go", "!loopback(u.Hostname()) && !c.AllowHTTP:", "!loopback(u.Hostname()) && c.AllowHTTP:", "./cmd/tokenctl", "TestScript/import-url"},
		{"an import of some rows ends as one of all", command, "r.counts.Imported < r.counts.Rows {", "r.counts.Imported < 0 {", "./cmd/tokenctl", scripts},
		{"an import of no row ends as one of all", command, "case r.counts.Imported == 0:", "case r.counts.Imported < 0:", "./cmd/tokenctl", scripts},
		{"an import keeps a masked key", keys, `strings.ContainsAny(plain, "*•…") || `, "", exports, "TestKeys"},
		{"an import keeps a key that could be guessed", keys, "case len(credential.ForeignKeys(plain)) == 0:", "case plain == \"\":", exports, "TestKeys"},
		{"an import keeps a key of ours, which works only in its own table", keys, "case err == nil:", "case err == nil && plain == \"\":", exports, "TestKeys"},
		{"one key of a file becomes two tokens", reader, `row.Key.Mask != "" && row.Problem`, `row.Key.Mask == "" && row.Problem`, exports, "TestSameKeyTwice"},
		{"a disabled token that keeps its key works after the import", reader, "new(token.Status(*in.Status) == token.Disabled)", "new(false)", exports, "TestForeign"},
		{"an import that keeps keys loses the used quota", keys, "r.Used = d.used(f)", "r.Used = 0", exports, "TestForeign"},
		{"an import shows an access token that was given in place of a file", "cmd/tokenctl/exportinput.go", "errors.Is(err, fs.ErrNotExist) && !isShowable(name):", "errors.Is(err, fs.ErrNotExist) && name == \"\":", "./cmd/tokenctl", "TestScript/import-url"},
		{"an interrupted import denies tokens of its last transaction", "cmd/tokenctl/importkeys.go", `why, least = "interrupted", atLeast`, `why, least = "interrupted", ""`, "./cmd/tokenctl", "TestInterruptedImportCounts"},
		{"an import does not say that tokens of disabled users may be in it", "cmd/tokenctl/export/about.go", "!o.ByID && (o.KeepKeys ||", "o.ByID && (o.KeepKeys ||", exports, "TestWarningsAboutFile"},
		{"an import with --skip-bad does not name all rows that it leaves out", "cmd/tokenctl/rownotes.go", "n.every && strings", "!n.every && strings", "./cmd/tokenctl", "TestScript/import-users"},
		{"an import that stopped after some tokens says that none was imported", "cmd/tokenctl/importkeys.go", "	case r.counts.Imported > 0:", "	case r.counts.Imported > 999:", "./cmd/tokenctl", "TestScript/import-keys-stop"},
		{"an import says that a key works which a rotation has ended", "cmd/tokenctl/importrotated.go", "ids[t.ID] && !t.AcceptsKey(t.ForeignHash, now)", "ids[t.ID] && !t.HasKey(t.ForeignHash) && now > 0", "./cmd/tokenctl", "TestScript/import-rotated"},
		{"an import reports a key of another user's token as imported", "shared/token/foreign.go", "		case u.ID:\n", "		case id.UserID:\n", "./shared/dynamo", "TestRepeatedImport"},
	}
}
