package main

// auditMutants returns the mutants of the audit trail.
func auditMutants() []mutant {
	const (
		notes = "shared/dynamo/changenote.go"
		items = "shared/dynamo/audititem.go"
		store = "./shared/dynamo"

		hooks    = "shared/dynamo/endpoint.go"
		hookItem = "shared/dynamo/endpointitem.go"
	)
	return []mutant{
		{
			"a use of a key keeps the note of the change before it",
			"shared/dynamo/note.go", "if _, noted := e.names[\"#\"+attrNote]; !noted && hasNotes(", "if _, noted := e.names[\"#\"+attrNote]; !noted && !hasNotes(",
			store, "TestAuditModel",
		},
		{
			"a create keeps the note of the operator's change of the user",
			notes, " || strings.HasPrefix(partition, userPrefix)", "",
			store, "TestAuditModel",
		},
		{
			"a draw from a wallet keeps the note of the budget",
			notes, " || strings.HasPrefix(partition, walletPrefix)", "",
			store, "TestAuditOfDraws",
		},
		{
			"a record that comes again makes a second entry",
			items, "r.Number + \"|\" + r.position()", "r.Number + \"|\" + r.position() + fmt.Sprintf(\"%p\", &entry)",
			store, "TestAuditModel",
		},
		{
			"two changes of a token in one second have the same key",
			items, "version%1e10, bigendian.BigEndian.Uint64(sum[:])%1e15", "version%1, bigendian.BigEndian.Uint64(sum[:])%1",
			store, "TestAuditModel",
		},
		{
			"changes of one second are in any order",
			items, "version%1e10, ", "version%1, ",
			store, "TestAuditOfConcurrentChanges",
		},
		{
			"a removal by TTL of a token that was deleted makes a second entry",
			items, "if revoked(r.Before) {", "if false {",
			store, "TestAuditOfPurges",
		},
		{
			"an update that was refused has an entry",
			"shared/dynamo/update.go", "		switch {\n		case change.Repeats(stored.Token):\n", "		wrong := newExpression()\n		wrong.set(attrNote, by.note(updateAction(change)))\n		_, _, _ = s.update(ctx, tokenKey(userID, id), wrong, retryNotApplied())\n		switch {\n		case change.Repeats(stored.Token):\n",
			store, "TestAudit",
		},
		{
			"an audit entry keeps a key that was sent as the name of a model",
			items, "auditChanges: optionalText(credential.Redact(changes))", "auditChanges: optionalText(changes)",
			store, "TestHistoryHasNoSecrets",
		},
		{
			"the hash of an access token is in the audit trail",
			"shared/history/change.go", "m := map[string]any{\"user_version\"", "m := map[string]any{\"hash\": s.Hash[:], \"user_version\"",
			store, "TestHistoryHasNoSecrets",
		},
		{
			"the deletion of a webhook has no entry in the audit trail",
			hooks, "head.set(attrNote, note.note(history.WebhookDeleted))", "_ = note",
			store, "TestAuditModel",
		},
		{
			"an attempt of a webhook repeats the entry of the change before it",
			notes, " ||\n		strings.HasPrefix(partition, endpointPrefix)", "",
			store, "TestAuditOfWebhooks",
		},
		{
			"the entry of a deletion has a URL that the webhook no longer had",
			hooks, `own.require(own.name(attrURL).placeholder + " = " + own.value(url))`, "_ = url\n\t\town.require(own.name(attrURL).exists())",
			store, "TestAuditOfDeletionRaces",
		},
		{
			"the secret of a webhook is in the audit trail",
			hookItem, "Types: e.Types, DisabledReason", `Types: append(e.Types, e.Secret.Reveal()[len(webhook.SecretPrefix):]), DisabledReason`,
			store, "TestHistoryHasNoSecrets",
		},
		{
			"the query of a webhook's URL is in the audit trail",
			"shared/history/webhook.go", `if u.RawQuery != "" {`, `if u.RawQuery == "" {`,
			store, "TestAuditOfWebhooks",
		},
		{
			"the password in a webhook's URL is in the audit trail",
			"shared/history/webhook.go", "u.User, u.Fragment, u.RawFragment = nil, ", "u.Fragment, u.RawFragment = ",
			"./shared/history", "TestShownURL",
		},
		{
			"the audit trail says that the operator has disabled a webhook that failed",
			items, "if note.flag(noteService) {", "if false {",
			store, "TestAuditOfWebhooks",
		},
		{
			"an update that changes nothing of a webhook has an entry",
			items, "if entry.Action == history.WebhookUpdated && ", "if entry.Action == \"\" && ",
			store, "TestAuditOfWebhooks",
		},
		{
			"a webhook that fails is disabled, with an entry, while it is disabled",
			hooks, "	e.require(e.name(attrReason).absent())                      // else it is disabled already\n", "",
			store, "TestAuditOfWebhooks",
		},
		{
			"the note of an update is written after the update",
			"shared/dynamo/update.go",
			"		e.set(attrNote, by.note(updateAction(change)))\n		found, applied, err := s.update(ctx, tokenKey(userID, id), e, retryNotApplied())\n",
			"		found, applied, err := s.update(ctx, tokenKey(userID, id), e, retryNotApplied())\n		if err == nil && applied {\n			late := newExpression()\n			late.set(attrNote, by.note(updateAction(change)))\n			_, _, _ = s.update(ctx, tokenKey(userID, id), late, retryNotApplied())\n		}\n",
			store, "TestAuditOfRandomCallers",
		},
		{
			"an entry says what an earlier read of the token has found, instead of what its change has replaced",
			items,
			"func describeToken(entry *history.Entry, r StreamRecord) (version int64, err error) {\n	userID, id, ok := parseTokenKey(r.Partition, r.Number)\n	if !ok {\n		return 0, fmt.Errorf(\"a note in an item that has none: %s %s\", r.Partition, r.Number)\n	}\n	var before token.Token\n	if len(r.Before) > 0 {\n		before, err = readToken(r.Before, userID)\n",
			"var lastRead = map[string]item{}\n\nfunc describeToken(entry *history.Entry, r StreamRecord) (version int64, err error) {\n	userID, id, ok := parseTokenKey(r.Partition, r.Number)\n	if !ok {\n		return 0, fmt.Errorf(\"a note in an item that has none: %s %s\", r.Partition, r.Number)\n	}\n	var before token.Token\n	if key := r.Stream + r.Partition + r.Number; len(r.Before) > 0 {\n		earlier, known := lastRead[key]\n		if !known {\n			earlier = r.Before\n		}\n		lastRead[key] = r.Before\n		before, err = readToken(earlier, userID)\n",
			store, "TestAuditOfRandomCallers",
		},
		{
			"the purge of a token comes before the changes of the same second",
			items, "entry.At = second(r) + maxNoteFuture", "entry.At = second(r)",
			store, "TestAuditPurgeComesLast",
		},
		{
			"a deletion at once has no entry in the audit trail",
			"shared/dynamo/delete.go", "	meta.set(attrNote, note)\n", "	_ = note\n",
			store, "TestDeletionAfterAnotherWrite",
		},
		{
			"the entry of a deletion has a name that the token no longer had",
			"shared/dynamo/delete.go", "	requireSame(own, attrVersion, known[attrVersion]) // else", "	// else",
			store, "TestDeletionAfterAnotherWrite",
		},
		{
			"a deletion that another call has begun has two entries",
			"shared/dynamo/delete.go", "	own.require(own.name(attrHash).exists())\n", "",
			store, "TestDeletionAfterAnotherWrite",
		},
		{
			"the event of a deletion at once is that of an update",
			"shared/event/change.go", " || e.Action == history.TokenDeleted:", ":",
			store, "TestDeletionAfterAnotherWrite",
		},
		{
			"the key in the name of a deleted token stays in its user",
			"shared/dynamo/delete.go", "credential.Redact(t.Name)", "t.Name + credential.Redact(\"\")",
			store, "TestDeletedTokenLeavesNoKey",
		},
	}
}
