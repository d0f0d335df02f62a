package main

// historyMutants returns the mutants of the history of usage.
func historyMutants() []mutant {
	const fold, item, note = "shared/dynamo/fold.go", "shared/dynamo/historyitem.go", "shared/dynamo/note.go"
	const random = "TestFoldOfRandomHistories"
	return []mutant{
		{
			"a record of the stream that comes again is counted again",
			fold, "		if a.position <= last {\n			continue\n		}\n", "",
			"./shared/dynamo", random,
		},
		{
			"two processes that count the same records overwrite each other",
			fold, "		requireSame(e, historySequence, stored[historySequence])\n", "		_ = requireSame\n",
			"./shared/dynamo", random,
		},
		{
			"a process that loses the race gives up instead of counting what is missing",
			fold, "		stored = found\n", "		return false, nil, nil\n",
			"./shared/dynamo", random,
		},
		{
			"a batch that failed is finished",
			fold, "		out.Done = first\n", "		_ = first\n",
			"./shared/dynamo", random,
		},
		{
			"positions are compared as texts of different length: the tenth change is older than the ninth",
			"shared/dynamo/streamrecord.go", `strings.Repeat("0", max(0, maxSequenceDigits-len(sequence))) + `, "",
			"./shared/dynamo", random,
		},
		{
			"the history adds what a token has used at all instead of what a change charged",
			item, "charged := after.number(attrUsed) - before.number(attrUsed)", "charged := after.number(attrUsed) - 0*before.number(attrUsed)",
			"./shared/dynamo", random,
		},
		{
			"a write keeps the note of the charge before it: the request is counted again",
			note, "!noted && hasNotes(", "!noted && !hasNotes(",
			"./shared/dynamo", random,
		},
		{
			"units of a hold that was charged because it expired are counted for a request of another model",
			item, "		expired = append(expired, price.Use{Model: record.Model, Units: record.ChargedOnExpiry()})\n", "",
			"./shared/dynamo", "TestFoldOfExpiredHolds",
		},
		{
			"a settlement without a model is not counted for that of its reservation",
			item, "			use.Model = settled\n", "			use.Model = settled[:0]\n",
			"./shared/dynamo", "TestFold",
		},
		{
			"a token with many models makes its history too large to be stored",
			"shared/history/history.go", "!known && len(counted) >= MaxModels", "!known && len(counted) < 0",
			"./shared/history", "TestMaxModels",
		},
		{
			"an hour that can't be read stops the history",
			fold, "		if next == nil {\n", "		if damage != nil {\n			return false, nil, damage\n		}\n		if next == nil {\n",
			"./shared/dynamo", "TestDamage",
		},
		{
			"what can't be read of an hour is lost",
			fold, ", historyAside: setAside(stored, r.err)", "",
			"./shared/dynamo", "TestDamagedHistoryIsKept",
		},
		{
			"an hour that can't be read is not reported",
			fold, "		if wrote && damage != nil {\n", "		if wrote && damage != nil && i < 0 {\n",
			"./shared/dynamo", "TestDamagedHistoryIsKept",
		},
		{
			"a token with a negative version stops the history",
			"shared/dynamo/audititem.go", ", max(version, 0)", ", version",
			"./shared/dynamo", "TestDamageDoesNotStopFold",
		},
		{
			"a record without a time stops the history",
			"shared/dynamo/audititem.go", "min(max(entry.At, 0), maxAuditTime)", "entry.At",
			"./shared/dynamo", "TestDamageDoesNotStopFold",
		},
		{
			"a token with a name that is too long stops the history",
			"shared/dynamo/audititem.go", "return sizeOfValue(value) > maxFoldedText", "return sizeOfValue(value) < 0",
			"./shared/dynamo", "TestDamageDoesNotStopFold",
		},
		{
			"names of models that are too long make a history too large to be stored",
			"shared/history/history.go", "utf8.RuneCountInString(name) > token.MaxModelNameLength", "utf8.RuneCountInString(name) < 0",
			"./shared/history", "TestMaxModels",
		},
		{
			"the history of a token whose last hold was released is never complete",
			fold, " || tally.Empty() && !restsAfter(r) {", " || tally.Empty() {",
			"./shared/dynamo", "TestUsageCompleteWithoutCharge",
		},
		{
			"each reservation costs the history a write",
			fold, " && after.number(attrOpenHolds) == 0\n", "\n",
			"./shared/dynamo", "TestUsageCompleteWithoutCharge",
		},
		{
			"a key that was sent as the name of a model is in the history",
			"shared/dynamo/note.go", "noteModel: modelName(use.Model)", "noteModel: optionalText(use.Model)",
			"./cmd/tokenctl", "TestServeKeepsSecrets",
		},
		{
			"no alarm says that timers can't be read",
			"shared/boot/timers.go", `slog.Int("unreadable", done.unreadable)`, `slog.Int("unread", done.unreadable)`,
			"./infra/stack", "TestUnreadableMetric",
		},
		{
			"a key that was sent as the name of a model is in the item while units are held",
			"shared/dynamo/ledgeritem.go", "recordModel: modelName(r.Model)", "recordModel: optionalText(r.Model)",
			"./shared/dynamo", "TestHistoryHasNoSecrets",
		},
		{
			"a key that is the name of a token is in the history",
			fold, "credential.Redact(after.text(attrName))", "credential.Redact(\"\") + after.text(attrName)",
			"./shared/dynamo", "TestHistoryHasNoSecrets",
		},
		{
			"a key that was sent as the name of a model is in the log of the proxy",
			"shared/gateway/request.go", `slog.String("model", credential.Redact(req.Model))`, `slog.String("model", req.Model+credential.Redact(""))`,
			"./cmd/tokenctl", "TestServeKeepsSecrets",
		},
	}
}
