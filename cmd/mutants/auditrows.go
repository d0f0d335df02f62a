package main

// auditMutants returns the mutants of the audit trail.
func auditMutants() []mutant {
	const (
		notes = "shared/dynamo/changenote.go"
		items = "shared/dynamo/audititem.go"
		store = "./shared/dynamo"
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
	}
}
