package main

// raiseMutants returns the mutants of raises of quotas.
func raiseMutants() []mutant {
	const (
		raise  = "shared/token/raise.go"
		store  = "./shared/dynamo"
		ledger = "./shared/quota"
	)
	return []mutant{
		{
			"a raise does not end",
			raise, "	if r.Until > now {\n", "	if r.Until > 0 {\n",
			ledger, "TestRaises",
		},
		{
			"a raise ends a second late",
			raise, "	if r.Until > now {\n", "	if r.Until >= now {\n",
			ledger, "TestRaises",
		},
		{
			"a raise that replaces another is added to it",
			raise, "t.RemainQuota += raise.Units - t.Raise.Units", "t.RemainQuota += raise.Units",
			"./shared/token", "TestRaiseIsReplaced",
		},
		{
			"a window that begins while its quota is raised begins with the quota only",
			"shared/quota/meters.go", "w.Quota+w.Raise.Units", "w.Quota",
			ledger, "TestRaises",
		},
		{
			"a hold that was made of a raise is not charged after its end",
			"shared/quota/operation.go", "max(l.Balance.Left, r.Quota)", "max(l.Balance.Left, 0)",
			ledger, "TestRaises",
		},
		{
			"a write without a read spends units of a raise that has ended",
			"shared/dynamo/directlimits.go", "if seen.HasEndedRaise(o.Now) {", "if seen.HasEndedRaise(o.Now - 3600) {",
			store, "TestRaisesMatchSums",
		},
		{
			"an update counts the units of a raise that has ended",
			"shared/dynamo/update.go", "attrRaise, raiseUntil).above(c.Now)", "attrRaise, raiseUntil).above(0)",
			store, "TestUpdateAfterRaise",
		},
		{
			"a token whose only limit was a raise stays a token with limits: each first use costs a write",
			"shared/dynamo/operation.go", "	if found.Limited() { // also", "	if next.Limited() { // also",
			store, "TestRaisedOperationCosts",
		},
		{
			"a raise overwrites one that was set meanwhile: units appear from nowhere",
			"shared/dynamo/changelimits.go", "attrVersion, attrRaise, ", "",
			store, "TestConcurrentRaises",
		},
		{
			"a change of windows makes the raise of one permanent",
			"shared/token/limitrules.go", "old[at].resized(w.Quota-old[at].Quota), old[at].Raise", "old[at].resized(w.Quota-old[at].Quota), Raise{}",
			"./shared/token", "TestRaiseOfChangedWindows",
		},
		{
			"a window keeps the units of a raise that has ended",
			"shared/quota/meters.go", "				w.Left -= units\n", "				w.Left -= 0\n",
			ledger, "TestRaises",
		},
		{
			"If-Match does not hold for a raise",
			"shared/api/extra.go", "in.RaiseChange, in.versions)", "in.RaiseChange, nil)",
			"./shared/api", "TestContract/Extra",
		},
		{
			"a raise whose answer was lost is refused when it is sent again",
			"shared/dynamo/update.go", "case change.Repeats(stored.Token):", "case change.Repeats(stored.Token) && id < 0:",
			"./shared/api", "TestContract/Extra",
		},
		{
			"an import keeps a raise for ever",
			"cmd/tokenctl/export/limits.go", `extra != nil && extra != "" {`, `extra == "" {`,
			"./cmd/tokenctl/export", "TestLimits",
		},
	}
}
