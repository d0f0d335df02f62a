package main

// usageMutants returns the mutants of reading the history of usage.
func usageMutants() []mutant {
	const read, store, csv = "shared/dynamo/usage.go", "shared/history/store.go", "shared/wire/historycsv.go"
	return []mutant{
		{
			"a page of a user's usage begins with the last day of the one before: it is counted twice",
			read, "Position: last + 1}", "Position: last}",
			"./shared/dynamo", "TestUsagePages",
		},
		{
			"the next page of a user's usage leaves out what was not read of a group of tokens",
			read, "		if more {\n", "		if more && i < 0 {\n",
			"./shared/dynamo", "TestUsagePages",
		},
		{
			"the usage of a user ends within its last day",
			read, "*pages.BucketSize + pages.BucketSize - 1,", "*pages.BucketSize,",
			"./shared/dynamo", "TestUsage$",
		},
		{
			"the usage of a user has the day after its end",
			read, "		Hi: (span.To-1)/history.DaySeconds*", "		Hi: span.To/history.DaySeconds*",
			"./shared/dynamo", "TestUsage$",
		},
		{
			"an id that no token ever had has a usage",
			read, "	case id > u.LastTokenID:\n", "	case id > u.LastTokenID && id < 0:\n",
			"./shared/dynamo", "TestUsage$",
		},
		{
			"a usage that is behind says that it is complete",
			store, "r.Complete = r.revision == revision", "r.Complete = r.revision <= revision",
			"./shared/dynamo", "TestUsageComplete",
		},
		{
			"a page of a user's usage does not count as a search",
			read, "u.LastTokenID))); err != nil {", "u.LastTokenID))); err != nil && u.ID < 0 {",
			"./shared/api", "TestHistory/pace",
		},
		{
			"the usage of some tokens does not count as a search",
			read, "int64(len(ids))*span.Days())); err != nil {", "int64(len(ids))*span.Days())); err != nil && u.ID < 0 {",
			"./shared/api", "TestHistory/pace",
		},
		{
			"the usage of some tokens may be for any number of days",
			store, "int64(len(ids))*s.Days() > MaxTokenDays", "int64(len(ids)) > MaxTokenDays",
			"./shared/api", "TestContract/Histories",
		},
		{
			"a token's days are added up where each day is asked for",
			"shared/history/report.go", "rowKey{start: p.Start / DaySeconds * DaySeconds, tokenID: p.TokenID}", "rowKey{tokenID: p.TokenID}",
			"./shared/dynamo", "TestUsage$",
		},
		{
			"a disabled key reads its usage",
			"shared/api/history.go", "				err = refuseOff(u.Token)\n", "				_ = refuseOff\n",
			"./shared/api", "TestContract/Histories",
		},
		{
			"a spreadsheet takes the name of a token for a formula",
			csv, `return "'" + s`, "return s",
			"./shared/wire", "TestHistoryCSV",
		},
		{
			"uses beyond the most rows of a report are lost",
			"shared/history/report.go", "		key.model = OtherModels\n", "		return &Row{}\n",
			"./shared/history", "TestManyModels",
		},
		{
			"a cursor names a group of tokens twice",
			"shared/history/cursor.go", "return other.Group >= g", "return other.Group > g",
			"./shared/history", "FuzzParseCursor",
		},
		{
			"the charts of New API's clients have only the newest tokens of a user with many",
			store, "		if next.Done() {\n			break\n", "		if next.Below >= 0 {\n			next = Cursor{}\n			break\n",
			"./shared/api", "TestFamilyDataOfManyTokens",
		},
		{
			"an answer for New API's clients takes any number of reads",
			"shared/api/familyhistory.go", "const maxFamilyPages = 4", "const maxFamilyPages = 400",
			"./shared/api", "TestFamilyDataOfManyTokens",
		},
		{
			"the audit trail does not say how far it is behind if no key was used",
			"shared/dynamo/foldstatus.go", "f.Written == 0 && f.Changes == 0", "f.Written == 0",
			"./shared/api", "TestAuditPages",
		},
	}
}
