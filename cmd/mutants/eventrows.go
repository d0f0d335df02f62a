package main

// eventMutants returns the mutants of the events.
func eventMutants() []mutant {
	const (
		of    = "shared/event/quota.go"
		made  = "shared/dynamo/events.go"
		store = "./shared/dynamo"
		lives = "TestEventsOfRandomLives"
	)
	return []mutant{
		{
			"a use, which changes no setting, is an event",
			made, "	if isChange {\n", "	if isChange || r.Event == \"MODIFY\" && entry.UserID == 0 {\n		entry.UserID, entry.TokenID, _ = parseTokenKey(r.Partition, r.Number)\n",
			store, lives,
		},
		{
			"a threshold is told again by each charge below it",
			of, "min(low, token.VeryLow) <= token.LownessOf(was.unused, was.quota)", "low == token.NotLow",
			store, lives,
		},
		{
			"a hold that is released and taken again tells a threshold again",
			of, "		unused := t.RemainQuota\n		for _, h := range t.Holds {\n			unused += h.Debited\n		}\n", "		unused := t.RemainQuota\n",
			store, "TestEventsOfQuota",
		},
		{
			"a window that was renewed is not full: it is as low as the one before",
			of, "q.Kind == other.Kind && q.number == other.number", "q.Kind == other.Kind && q.Period == other.Period && q.Model == other.Model",
			store, "TestEventsOfWindows",
		},
		{
			"an event has another id when it comes again",
			made, "text, string(f.Type))", "text, string(f.Type), time.Now().String())",
			"./shared/dynamo", "TestEventsOfChanges",
		},
		{
			"two events of a record have the same id",
			made, "r.position()+use.Key", "r.position()+use.Key[:0]",
			store, "TestEventsOfWindows",
		},
		{
			"a token of which units are held is exhausted",
			of, "q.Kind == Model || q.unused > 0", "q.Kind == Model || q.free > 0",
			store, "TestEventsOfQuota",
		},
		{
			"a token that is changed and disabled tells only one of both",
			"shared/event/change.go", "	if others > 0 || len(types) == 0 {\n", "	if len(types) == 0 {\n",
			store, "TestEventsOfChanges",
		},
		{
			"a key in a name gets into an event",
			"shared/event/data.go", "[]rune(credential.Redact(name))", "[]rune(credential.Redact(name[:0]) + name)",
			store, "TestEventsOfChanges",
		},
		{
			"a budget is low again whenever tokens take units from each other",
			"shared/token/wallet.go", "	w.Low = max(w.Low, LownessOf(w.Left, w.Units))\n", "	w.Low = LownessOf(w.Left, w.Units)\n",
			store, "TestEventsOfBudget",
		},
		{
			"a budget of a new period is as low as the last one was",
			"shared/token/wallet.go", "w.Count+1, w.Units, 0, 0, NotLow\n	}", "w.Count+1, w.Units, 0, 0, w.Low\n	}",
			store, "TestEventsOfBudget",
		},
		{
			"refusals by a rate have another id in each record",
			made, "strconv.FormatInt(r.Time.Unix()/int64(time.Hour/time.Second), 10)", "strconv.FormatInt(r.Time.Unix()/int64(time.Hour/time.Second), 10)+r.position()",
			store, "TestEventsOfRates",
		},
	}
}
