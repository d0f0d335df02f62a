package main

// timerMutants returns the mutants of the events about expiries.
func timerMutants() []mutant {
	const timer, check, item, expiry = "shared/dynamo/timer.go", "shared/dynamo/timercheck.go", "shared/dynamo/timeritem.go", "shared/event/expiry.go"
	const store, random = "./shared/dynamo", "TestTimersOfRandomHistories"
	return []mutant{
		{
			"a token whose expiry is changed has no timers for the new one",
			timer, "had && last == expires {", "had {",
			store, random,
		},
		{
			"a notice is told although the expiry was moved before the late fold",
			timer, "case ok && expires == n.Expires():", "case ok && expires > 0:",
			store, random,
		},
		{
			"all earlier notices are told with the one that is due",
			item, "return at <= b.due() && at > b.due()-timerBucketSeconds-timerMarginSeconds", "return at <= b.due()",
			store, random,
		},
		{
			"what has passed when the fold comes late is never told",
			timer, "		f.late = append(f.late, lateNotice{a, n, at})\n", "",
			store, random,
		},
		{
			"an expiry that was set to the past is not told",
			timer, "case n.At <= set && had && last <= set:", "case n.At <= set:",
			store, random,
		},
		{
			"a token that had expired expires again when its expiry is set to another past second",
			timer, "case n.At <= set && had && last <= set:", "case n.At <= set && had && last == n.At:",
			store, random,
		},
		{
			"a repeated event has another ID",
			expiry, "decimal(n.DaysLeft), decimal(n.Expires()))", "decimal(n.DaysLeft), decimal(time.Now().UnixNano()))",
			store, random,
		},
		{
			"the events of seven days and of one day have the same ID",
			expiry, "decimal(n.DaysLeft), decimal(n.Expires()))", "decimal(n.Expires()))",
			store, random,
		},
		{
			"a token whose deletion has begun is told to expire",
			item, "!has(it, attrExpires) || revoked(it)", "!has(it, attrExpires)",
			store, random,
		},
		{
			"a timer goes into a bucket whose check may be over",
			timer, "max(n.At, f.now+timerMarginSeconds)", "n.At",
			store, "TestNearExpiry",
		},
		{
			"a bucket does not tell what came too late for the one before",
			item, "b.due()-timerBucketSeconds-timerMarginSeconds", "b.due()-timerBucketSeconds",
			store, "TestNearExpiry",
		},
		{
			"an expiry in the far future makes as many schedules as there are minutes until then",
			timer, "	if f.isFar(expires) {\n", "	if f.isFar(expires) && f.now < 0 {\n",
			store, "TestFarExpiry",
		},
		{
			"the timer of an expiry in the far future does not make the others",
			check, "		if n.At > f.now {\n", "		if n.At < 0 {\n",
			store, "TestFarExpiry",
		},
		{
			"a bucket is read to the end of its first page",
			check, "		f.timers.Next = position\n", "		f.timers.Next = position[:0]\n",
			store, "TestTimersOfManyTokens",
		},
		{
			"a restored table has no timers of expiries that were set after the backup",
			"shared/dynamo/restoretoken.go", "	if r.DryRun {\n		return nil\n	}\n	key := reader{item: after}\n", "	if r.Now > 0 {\n		return nil\n	}\n	key := reader{item: after}\n",
			store, "TestRestoreFilesTimers",
		},
		{
			"a local server forgets what became due while it was stopped",
			"cmd/tokenctl/localtimers.go", "if l.checked, err = l.store", "if _, err = l.store",
			"./cmd/tokenctl", "TestLocalTimers",
		},
		{
			"a check of timers that ran out of time waits as long as one that failed",
			"shared/boot/timers.go", "	pause := restPause\n", "	pause := retryPause\n",
			"./shared/boot", "TestTimerCheck",
		},
		{
			"a check of timers that failed is tried again as soon as one that ran out of time",
			"shared/boot/timers.go", "		pause = retryPause\n", "		pause = restPause\n",
			"./shared/boot", "TestTimerCheck",
		},
		{
			"a local server leaves out the events and timers of records that it folded before an error",
			"cmd/tokenctl/localstream.go", "	if _, err := s.store.Fold(ctx, s.pending, now.Unix()); err != nil {\n", "	if folding, err := s.store.Fold(ctx, s.pending, now.Unix()); err != nil {\n		s.pending = slices.Delete(s.pending, 0, folding.Done)\n",
			"./cmd/tokenctl", "TestReadAfterPart",
		},
		{
			"a check of timers that crashes is lost",
			"shared/boot/timers.go", "unscheduled := t.postpone(ctx, next, retryPause)", "unscheduled := errors.New(\"later\")",
			"./shared/boot", "TestChecksThatCrash",
		},
		{
			"a check of timers that has finished is made again",
			"shared/boot/timers.go", "done.err = errors.Join(done.err, t.Scheduler.Cancel(ctx, next))\n		}\n		if done.finished", "done.err = errors.Join(done.err, nil)\n		}\n		if done.finished",
			"./shared/boot", "TestTimerCheck",
		},
		{
			"the rest of a check of timers has the schedule of the whole check",
			"shared/boot/publish/schedule.go", "if c.From != \"\" {", "if c.From == \"-\" {",
			"./shared/boot/publish", "TestSchedules",
		},
		{
			"a check of timers of which no call starts is lost",
			"shared/boot/timers.go", "t.Scheduler.Schedule(ctx, secondCheck(b), b.Due().Add(secondPause)); err", "t.Scheduler.Cancel(ctx, secondCheck(0)); err",
			"./shared/boot", "TestFiledTimersAreScheduled",
		},
		{
			"a check of timers that has finished is made again hours later",
			"shared/boot/timers.go", "			done.err = errors.Join(done.err, t.Scheduler.Cancel(ctx, secondCheck(c.Bucket)))\n", "",
			"./shared/boot", "TestTimerCheck",
		},
		{
			"a schedule that can't be cancelled makes Lambda repeat a check that has finished",
			"shared/boot/timers.go", "!done.postponed && !done.finished", "!done.postponed",
			"./shared/boot", "TestRepeatedChecksAreHarmless",
		},
		{
			"each new timer asks for schedules that its process has made",
			"shared/boot/timers.go", "c.Attempt == 0 || c.Attempt == secondAttempt", "c.Attempt == 0",
			"./shared/boot/publish", "TestSchedules",
		},
	}
}
