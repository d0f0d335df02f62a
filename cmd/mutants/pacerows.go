package main

// paceMutants returns the mutants of the limit of changes and of batches on ids.
func paceMutants() []mutant {
	const (
		pacing = "shared/dynamo/pacing.go"
		rule   = "shared/token/pace.go"
	)
	return []mutant{
		{
			"a batch of statuses counts as one change",
			"shared/dynamo/update.go", "change, int64(len(ids)))", "change, 1)",
			"./shared/dynamo", "TestEveryChangeIsPaced/status_of_several",
		},
		{
			"a batch of deletions counts as one change",
			"shared/dynamo/delete.go", "s.authorizeChanges(ctx, c, int64(len(ids)))", "s.authorizeChanges(ctx, c, 1)",
			"./shared/dynamo", "TestEveryChangeIsPaced/delete_several",
		},
		{
			"a batch asks for each change when it makes it: it is refused after a part was written",
			"shared/dynamo/update.go", "change, int64(len(ids)))\n	if err != nil {\n		return nil, err\n	}\n	stored, err := s.startBatch(ctx, c.UserID, ids, plan)\n	if err != nil {\n		return nil, err\n	}\n	return forEach(ids, func(id int64) error {\n		if stored[id] == nil || revoked(stored[id]) {\n			return token.ErrNotFound\n		}\n",
			"change, 0)\n	if err != nil {\n		return nil, err\n	}\n	stored, err := s.startBatch(ctx, c.UserID, ids, plan)\n	if err != nil {\n		return nil, err\n	}\n	return forEach(ids, func(id int64) error {\n		if _, err := s.authorizeChanges(ctx, c, 1); err != nil {\n			return err\n		}\n		if stored[id] == nil || revoked(stored[id]) {\n			return token.ErrNotFound\n		}\n",
			"./shared/dynamo", "TestRefusedBatchWritesNothing",
		},
		{
			"a plan is saved for a batch in which no token exists",
			"shared/api/batch.go", "if slices.Contains(exist, true) {", "if len(exist) > 0 {",
			"./shared/api", "TestBatchCalls",
		},
		{
			"an answer is saved for a batch in which no token exists",
			"shared/api/batch.go", "return batchPlan{existed: exist}, nil", "return batchPlan{existed: exist, saved: true}, nil",
			"./shared/api", "TestBatchCalls",
		},
		{
			"a batch writes to tokens that do not exist, and pays for each refusal",
			"shared/dynamo/update.go", "if stored[id] == nil || revoked(stored[id]) {", "if stored[id] != nil && revoked(stored[id]) {",
			"./shared/api", "TestBatchCalls",
		},
		{
			"a batch revokes tokens that do not exist, and pays for each refusal",
			"shared/dynamo/delete.go", "		if stored[id] == nil {\n			return token.ErrNotFound\n		}\n", "",
			"./shared/api", "TestBatchCalls",
		},
		{
			"changes are recorded without a condition: what another process has recorded is lost",
			pacing, "		e.require(state.equals(r.before))\n", "",
			"./shared/dynamo", "TestChangesRecordedMeanwhile/later_changes",
		},
		{
			"the first changes of a user are recorded without a condition: what another process has recorded is lost",
			pacing, "e.name(attrLastTokenID).exists() + \" AND \" + state.absent()", "e.name(attrLastTokenID).exists()",
			"./shared/dynamo", "TestChangesRecordedMeanwhile/the_first_changes",
		},
		{
			"the state of the change rate limit is not stored: each process admits the whole rate",
			pacing, "found, stored, err := s.storeRecord(ctx, u.ID, r)", "found, stored, err := item(nil), true, error(nil)",
			"./shared/dynamo", "TestConcurrentChangesArePaced",
		},
		{
			"a process does not wait for its own record: its debt exceeds the bound",
			pacing, "return changeRecord{}, d.recording, nil", "d.debt.Changes += n\n		return changeRecord{}, nil, nil",
			"./shared/dynamo", "TestConcurrentChangesArePaced",
		},
		{
			"a record leaves out what the process owes: 19 of 20 changes are free",
			rule, "start + total*p.each", "start + n*p.each",
			"./shared/token", "TestChangeRate",
		},
		{
			"a debt shrinks with time: processes that make few changes never record any",
			rule, "	total := owed.Changes + n\n", "	total := recent/p.each + n\n",
			"./shared/token", "TestChangeRate",
		},
		{
			"a small burst is not exact: each process admits 19 changes of its own",
			rule, "min(MaxChangeDebt, burst/10)", "MaxChangeDebt + 0*burst",
			"./shared/token", "TestSmallChangeBurst",
		},
		{
			"a process whose clock was far ahead locks the user out",
			rule, "+maxClockLead), now)", "+1e6*maxClockLead), now)",
			"./shared/token", "TestChangeRateClockAhead",
		},
		{
			"a user's changes are counted by the slowest clock: a fast one starts anew",
			rule, "+maxClockLead), now)", "), now)",
			"./shared/token", "TestChangeRate",
		},
		{
			"searches are not limited",
			"shared/dynamo/search.go", "token.ChangesOfReading(expected)", "0",
			"./shared/dynamo", "TestEveryChangeIsPaced/search",
		},
		{
			"a search counts as one change, whatever it reads",
			"shared/dynamo/search.go", "token.ChangesOfReading(expected)", "token.ChangesOfReading(min(1, expected))",
			"./shared/dynamo", "TestChangeCosts",
		},
		{
			"a change is made although it could not be recorded",
			pacing, "			own.recorded(r, r.before, false)\n			return err\n", "			own.recorded(r, r.before, false)\n			return nil\n",
			"./shared/dynamo", "TestUnrecordedChanges",
		},
	}
}
