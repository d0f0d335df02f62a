package main

// limitMutants returns the mutants of windows, model quotas and rates.
func limitMutants() []mutant {
	const (
		meters = "shared/quota/meters.go"
		rate   = "shared/quota/rate.go"
		direct = "shared/dynamo/directlimits.go"
		tests  = "./shared/quota"
		match  = "TestOperationsMatchApply"

		histories = "TestLimitedHistoriesAreLinearizable"
	)
	return []mutant{
		{
			"a window does not renew",
			meters, "if w.Number == 0 || w.EndsAt <= now {", "if w.Number == 0 {",
			tests, "TestWindows",
		},
		{
			"units of a window that has ended return to the next one",
			meters, "m.Number != 0 && slices.Contains(r.Meters, m.Number)", "m.Number != 0 && (true || slices.Contains(r.Meters, m.Number))",
			tests, "TestWindows",
		},
		{
			"a rate is doubled after a pause",
			rate, "next-now-p.Burst", "next-now-2*p.Burst",
			tests, "TestRatesAreNeverExceeded",
		},
		{
			"a rate is counted by the minute: twice as much comes around the full minute",
			rate, "next = max(tat, now) + p.Cost(n)", "next = max(tat, now/int64(time.Minute)*int64(time.Minute)) + p.Cost(n)",
			tests, "TestRatesAreNeverExceeded",
		},
		{
			"unused units come back on top of a full burst",
			rate, "-max(0, now-madeAt*int64(time.Millisecond))", "",
			tests, "TestRatesAreNeverExceeded",
		},
		{
			"a hold from before a rate was set again gives units back to it",
			"shared/token/token.go", "madeAt >= 1000*t.UnitRateSince", "madeAt >= 0*t.UnitRateSince",
			tests, "TestHoldsFromBeforeRate",
		},
		{
			"a write without a read lets a hold from before a rate give units back to it",
			direct, "	if !t.CountsUnits(o.MadeAt) {\n", "	if false {\n",
			"./shared/dynamo", "TestRateSetAgain",
		},
		{
			"a settlement beyond its hold is not charged to the window of the charge",
			"shared/quota/operation.go", "take(since, max(0, charged-r.Quota))", "take(since, 0)",
			tests, "TestWindows",
		},
		{
			"a write without a read trusts settings that it saw long ago",
			direct, "e.require(e.name(attrVersion).equals(seen.Version))\n", "",
			"./shared/dynamo", match,
		},
		{
			"a write without a read does not require what is left in a window",
			direct, "		e.require(left.atLeast(least))", "		e.require(left.exists())",
			"./shared/dynamo", match,
		},
		{
			"a write without a read admits two bursts",
			direct, "e.require(tat.atMost(now + burst - cost))", "e.require(tat.atMost(now + 2*burst - cost))",
			"./shared/dynamo", match,
		},
		{
			"a write without a read ignores max_concurrent",
			direct, "open.atMost(t.MaxConcurrent-1)", "open.atMost(t.MaxConcurrent+50)",
			"./shared/dynamo", match,
		},
		{
			"a change of windows overwrites one that began meanwhile",
			"shared/dynamo/changelimits.go", "requireSame(e, attr, known[attr])", "_ = attr",
			"./shared/dynamo", "TestChangeOfLimits",
		},
		{
			"a window begins anew without a condition",
			"shared/dynamo/operation.go", "	e.require(e.name(attrRevision).absent() + \" OR \" + e.name(attrRevision).equals(found.Revision))\n", "",
			"./shared/gate", histories,
		},
		{
			"histories with a window that ends an hour off where the clock shifts",
			"shared/period/bounds.go", "start, end = c.first(anchor(i)), c.first(anchor(i+1))", "start = c.first(anchor(i))\n	end = start + anchor(i+1) - anchor(i)",
			"./shared/gate", histories,
		},
		{
			"histories with a rate that is counted by the minute",
			rate, "next = max(tat, now) + p.Cost(n)", "next = max(tat, now/int64(time.Minute)*int64(time.Minute)) + p.Cost(n)",
			"./shared/gate", histories,
		},
		{
			"an expired hold counts in max_concurrent",
			"shared/quota/ledger.go", "		if r.State == StateOpen {\n			n++", "		if r.State == StateOpen || r.State == StateExpired {\n			n++",
			"./shared/gate", histories,
		},
		{
			"after a crash an expired hold keeps the units of its window",
			"shared/quota/ledger.go", "			take(l.metersOf(r), charged-r.Quota)\n", "",
			"./shared/gate", "TestCrashes",
		},
		{
			"an expired hold keeps the units of its window",
			"shared/quota/ledger.go", "			take(l.metersOf(r), charged-r.Quota)\n", "",
			"./shared/gate", histories,
		},
		{
			"a late settlement counts as made because its hold is forgotten",
			"shared/gate/hold.go", "if err == nil && late && !h.tried && !h.cancel {", "if err == nil && late && h.tried && !h.cancel {",
			"./shared/gate", "TestHoldExpires",
		},
		{
			"a token without quota of a window counts as enabled",
			"shared/token/token.go", ", t.ResetsAt(now) > 0:", ":",
			"./shared/api", "TestContract/TokenLimits",
		},
		{
			"a late charge is lost because of a rate",
			"shared/gateway/settle.go", ", Used: true, Use:", ", Use:",
			"./shared/gateway", "TestLateChargeIgnoresRates",
		},
		{
			"a hold that grows without its model returns units that it did not take",
			"shared/quota/operation.go", "		meters = append(meters, m)\n	}\n	take(meters, more)", "	}\n	take(meters, more)",
			"./shared/quota", "TestGrowWithAnotherModel",
		},
	}
}
