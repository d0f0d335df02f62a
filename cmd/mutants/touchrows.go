package main

// touchMutants returns the mutants of last uses and refusals that processes record.
func touchMutants() []mutant {
	const touch, use = "shared/dynamo/touch.go", "shared/gate/use.go"
	return []mutant{
		{
			"of many processes, each records the same last use",
			touch, `		e.require(e.name(attrLastUse).absent() + " OR " + e.name(attrLastUse, useTime).atMost(u.Time-quota.UseSeconds))` + "\n", "",
			"./shared/dynamo", "TestTouch",
		},
		{
			"a last use makes an item of a token that was deleted",
			touch, "	e.require(e.name(attrHash).exists())\n", "",
			"./shared/dynamo", "TestTouchAfterDeletion",
		},
		{
			"refusals that were written are written again",
			use, "		touch.Refusals, known.refusals = known.refusals, nil\n", "		touch.Refusals = known.refusals\n",
			"./shared/gate", "TestUseRecordHistories",
		},
		{
			"each refusal is a write",
			use, "	refusalSeconds = 60\n", "	refusalSeconds = 0\n",
			"./shared/gate", "TestUseRecordHistories",
		},
		{
			"a process records each use of an hour",
			use, "		known.usedAt = now\n", "",
			"./shared/gate", "TestUnrecordedUse",
		},
		{
			"a check of a token with a recorded use writes it again",
			use, "	if now-t.LastUse.Time < quota.UseSeconds {\n		return touch\n	}\n", "",
			"./shared/dynamo", "TestUseRecordCosts",
		},
		{
			"after a clock was set back nothing is recorded for a long time",
			use, " || now < began }", " }",
			"./shared/gate", "TestUseRecordsAfterClockStep",
		},
		{
			"a process remembers any number of tokens",
			use, "len(u.byToken) >= maxKnownUses", "len(u.byToken) < 0",
			"./shared/gate", "TestUseRecordsAreBounded",
		},
		{
			"a process remembers any number of reasons of refusals",
			use, "ok || len(known.refusals) < maxRefusalNames", "ok || len(known.refusals) >= 0",
			"./shared/gate", "TestUseRecordsAreBounded",
		},
		{
			"a use that can't be recorded is not in the log line",
			use, "		reqlog.MeterFrom(ctx).Add(reqlog.Cost{Unrecorded: 1})\n", "		reqlog.MeterFrom(ctx).Add(reqlog.Cost{})\n",
			"./shared/gate", "TestUnrecordedUse",
		},
	}
}
