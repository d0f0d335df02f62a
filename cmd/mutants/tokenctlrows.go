package main

// tokenctlMutants returns the mutants of what tokenctl sends and imports of windows,
// model quotas and rates.
func tokenctlMutants() []mutant {
	const (
		windows = "cmd/tokenctl/windowflag.go"
		limits  = "cmd/tokenctl/tokenlimits.go"
		tests   = "./cmd/tokenctl"

		imported     = "cmd/tokenctl/export/dialect.go"
		importLimits = "cmd/tokenctl/export/limits.go"
		exports      = "./cmd/tokenctl/export"
	)
	return []mutant{
		{
			"doctor succeeds although it may not look",
			"cmd/tokenctl/doctorreport.go", "	d.failed = true\n", "",
			tests, "TestDoctorWithoutPermission",
		},
		{
			"doctor takes a disabled event source mapping for one that works",
			"cmd/tokenctl/doctorlambda.go", `case state != "Enabled" && `, `case state == "Deleting" && `,
			tests, "TestDoctorJudges",
		},
		{
			"a web page can change the table of the local engine",
			"cmd/tokenctl/engineguard.go", `r.Header.Get("Origin") != "" || `, "",
			tests, "TestGuardEngine",
		},
		{
			"a web page reaches the local engine by a host name of its own",
			"cmd/tokenctl/engineguard.go", "case !isLocalHost(r.Host):", `case r.Host == "":`,
			tests, "TestGuardEngine",
		},
		{
			"tokenctl serve prints the URL of the engine that web pages can use",
			"cmd/tokenctl/serve.go", "return guardEngine(ctx, b.engine.Endpoint, log)", "return b.engine.Endpoint, func() {}, nil",
			tests, "TestServeGuardsEngine",
		},
		{
			"tokenctl serve blames the endpoint for a damaged database file",
			"cmd/tokenctl/local.go", "back.engine == nil || ", "back.engine != nil || ",
			tests, "TestServeReportsDamagedFile",
		},
		{
			"a read of an API that does not answer is reported as a change in doubt",
			"cmd/tokenctl/session.go", `transport.Op == "Get"`, `transport.Op == "GET"`,
			tests, "TestReadsOfSilentAPI",
		},
		{
			"a day means its start in the local time zone",
			"cmd/tokenctl/moment.go", "time.Parse(layout, s)", "time.ParseInLocation(layout, s, time.Local)",
			tests, "TestMoment",
		},
		{
			"an offset of a day is ignored",
			"cmd/tokenctl/moment.go", "time.Parse(layout, s)", "time.Parse(layout, s[:min(len(s), 10)])",
			tests, "TestMoment",
		},
		{
			"another file continues an import that has created tokens",
			"cmd/tokenctl/journal/book.go", "(len(b.done) > 0 || b.pending != nil)", "b.pending != nil",
			tests, "TestImportNamesRefusedRow",
		},
		{
			"a process that is killed when it begins with a corrected file blocks the import",
			"cmd/tokenctl/journal/book.go", " && (empty || !b.hasHeaderOnly())", "",
			"./cmd/tokenctl/journal", "TestCorrectedImport",
		},
		{
			"another file continues an import whose last batch is unknown",
			"cmd/tokenctl/journal/book.go", "(len(b.done) > 0 || b.pending != nil)", "len(b.done) > 0",
			"./cmd/tokenctl/journal", "TestImportIsNotMixedWithAnother",
		},
		{
			"tokenctl creates a token without the windows that were given",
			limits, "	in.Windows = windowInputs(windows)\n", "	_ = windowInputs(windows)\n",
			tests, "TestWindowFlag",
		},
		{
			"--window none is sent as no change",
			windows, "	if windows == nil {\n", "	if len(windows) == 0 {\n",
			tests, "TestWindowFlag",
		},
		{
			"--window with an empty value removes all windows",
			windows, "if string(text) == none {", "if string(text) == none || len(text) == 0 {",
			tests, "TestScript/limits-errors",
		},
		{
			"--model-quota with an empty value removes all model quotas",
			limits, "if string(text) == none {", "if string(text) == none || len(text) == 0 {",
			tests, "TestScript/limits-errors",
		},
		{
			"--window none with other windows removes all",
			windows, "case f == windowFlag{} && len(flags) > 1:", "case f == windowFlag{} && len(flags) < 1:",
			tests, "TestScript/limits-errors",
		},
		{
			"tokenctl removes a window without a warning",
			"cmd/tokenctl/tokenupdate.go", "		out.note(\"warning: \" + warning + \".\")\n", "		_ = warning\n",
			tests, "TestScript/limits",
		},
		{
			"tokenctl says that a token works again although its own quota is used up",
			"cmd/tokenctl/limitlines.go", " && (t.UnlimitedQuota || t.RemainQuota > 0)", "",
			tests, "TestUsedUpWindow",
		},
		{
			"an import drops windows",
			imported, "	in.LimitsInput = f.limits()\n", "",
			exports, "TestLimits",
		},
		{
			"an import starts a partly used window anew without --restart-windows",
			importLimits, "if f.options.RestartWindows || f.options.Compare {", "if f.options.RestartWindows || f.problem == \"\" {",
			exports, "TestLimits",
		},
		{
			"an import turns a rate of 0, which stops a key of LiteLLM, into no limit",
			importLimits, "if n != nil && *n < 1 {", "if n != nil && *n < 0 {",
			exports, "TestDialects",
		},
		{
			"an import gives a model its whole quota again",
			importLimits, "Quota: q.left()", "Quota: q.Quota",
			exports, "TestLimits",
		},
		{
			"an import ignores a field of a window that it does not know",
			importLimits, "	d.DisallowUnknownFields()\n", "",
			exports, "TestLimits",
		},
		{
			"the proxy reads a request that one with two lengths has smuggled", "cmd/tokenctl/server.go",
			"		if r.TransferEncoding != nil {\n", "		if r.TransferEncoding != nil && r.Close {\n",
			"./cmd/tokenctl", "TestProxyReadsNothingSmuggled",
		},
		{
			"the proxy closes every connection", "cmd/tokenctl/server.go",
			"		if r.TransferEncoding != nil {\n", "		if r.Body != nil {\n",
			"./cmd/tokenctl", "TestProxyReadsNothingSmuggled",
		},
		{
			"the local engine is stopped for a sweep although nothing has expired", "cmd/tokenctl/localsweep.go",
			"err != nil || !found {", "err != nil && !found {",
			"./cmd/tokenctl", "TestSweepPace",
		},
		{
			"a slow sweep of the local engine comes as often as a fast one", "cmd/tokenctl/localsweep.go",
			"max(s.every, sweepShare*s.now().Sub(started))", "s.every",
			"./cmd/tokenctl", "TestSweepPace",
		},
		{
			"an item that has expired is not found, and so not removed", "cmd/tokenctl/enginefile.go",
			"where %[2]s <= cast(? as INTEGER)", "where %[2]s > cast(? as INTEGER)",
			"./cmd/tokenctl", "TestHasExpired",
		},
		{
			"the local engine has no index of expiries", "cmd/tokenctl/enginefile.go",
			`create index if not exists "_expiry_of_`, `create index if not exists "_other_of_`,
			"./cmd/tokenctl", "TestHasExpired",
		},
	}
}
