package main

// storeMutants returns the mutants of the store.
func storeMutants() []mutant {
	return []mutant{
		{
			"purge finish takes records that are gone for counted: their message is deleted without a recount",
			"shared/dynamo/stream/span.go", "	return nil, ErrGone\n", "	return purges, nil\n",
			"./shared/dynamo/stream", "TestSpanIsGone",
		},
		{
			"a request that two engines answer differently is not reported",
			"internal/dynamotest/secondengine.go", "if answers[0] != answers[1] {", `if answers[0] == "" {`,
			"./internal/dynamotest", "TestCompare",
		},
		{
			"a create does not require the expected next id: two tokens get the same id",
			"shared/dynamo/create.go", "e.require(e.name(attrLastTokenID).equals(user.LastTokenID))\n", "",
			"./shared/client", "TestConcurrentCreatesAllSucceed",
		},
		{
			"a deletion that was applied says that there is no token, because its answer was lost",
			"shared/dynamo/delete.go", "case err == nil && found == nil && *uncertain:", "case err == nil && found == nil && *uncertain && id < 0:",
			"./shared/dynamo", "TestUncertainDeletion",
		},
		{
			"a deletion is not counted: totals and pages become wrong",
			"shared/dynamo/delete.go", "append([]write{s.deleteWrite(tokenKey(t.UserID, t.ID), own)}, s.countWrites(t.UserID, t.ID, note)...)", "append([]write{s.deleteWrite(tokenKey(t.UserID, t.ID), own)})",
			"./shared/api", "TestContract/Delete",
		},
		{
			"a saved response is overwritten: two requests with one idempotency key create two tokens",
			"shared/dynamo/savedresponse.go", `e.name(TTL).atMost(r.Now)`, `e.name(TTL).atMost(r.ExpiresAt)`,
			"./shared/api", "TestConcurrentIdempotentRequests",
		},
		{
			"the state of a user's create rate limit is not stored",
			"shared/dynamo/create.go", "	if made.RateTAT != user.RateTAT {\n", "	if made.RateTAT < user.RateTAT {\n",
			"./shared/dynamo", "TestConcurrentCreatesKeepLimits/rate",
		},
		{
			"the previous key is accepted after its grace period",
			"shared/dynamo/rotate.go", "		isPrevious += \" AND \" + e.name(attrPreviousUntil).above(now)\n", "",
			"./shared/api", "TestContract/Rotate",
		},
		{
			"a rotation that drops a key leaves its holds free: two rotations make a request free",
			"shared/dynamo/rotate.go", ":= l.ChargeOpenHolds(now)", ":= l.Compact(now)",
			"./shared/dynamo", "TestRotationChargesHolds",
		},
		{
			"the histories don't see that a rotation that drops a key leaves its holds free",
			"shared/dynamo/rotate.go", ":= l.ChargeOpenHolds(now)", ":= l.Compact(now)",
			"./shared/gate", "TestHistoriesAreLinearizable",
		},
		{
			"a rotation does not look for holds: two rotations make a request free",
			"shared/dynamo/rotate.go", `open.absent() + " OR " + open.atMost(0))`, `open.absent() + " OR " + open.atLeast(0))`,
			"./shared/dynamo", "TestRotationHistories",
		},
		{
			"a rotation long after the last one still reads the token",
			"shared/dynamo/rotate.go", `e.name(attrPreviousHolds).atMost(now) + " OR " + open`, `e.name(attrPreviousHolds).atMost(now-1) + " OR " + open`,
			"./shared/dynamo", "TestRotationCosts",
		},
		{
			"a rotation forgets that the previous key could make holds until its grace period ended",
			"shared/dynamo/rotate.go", "number(max(now, rotation.PreviousUntil)+quota.", "number(now+quota.",
			"./shared/dynamo", "TestRotationAfterLongGrace",
		},
		{
			"a rotation beside a hold does not say that the token has another version",
			"shared/dynamo/rotate.go", "		case rotation.Version != 0 && rotation.Version != l.Version:\n", "		case rotation.Version != 0 && rotation.Version > l.Version:\n",
			"./shared/dynamo", "TestRotationIsAppliedOnce",
		},
		{
			"a rotation that may still arrive says that it changed nothing",
			"shared/dynamo/rotate.go", "if uncertain && errors.Is(err, token.ErrContention) {", "if uncertain && errors.Is(err, token.ErrNotFound) {",
			"./shared/dynamo", "TestRotationContention",
		},
		{
			"a hold of the gateway's own leaves its record behind: a busy key costs more with each request",
			"shared/dynamo/directwrite.go", "	case o.Forget:\n", "	case o.Forget && o.Held < 0:\n",
			"./shared/gate", "TestHoldCosts",
		},
		{
			"a settlement whose answer was lost finds no hold when it is sent again: the caller is not told that it was charged",
			"shared/dynamo/operation.go", "		o.Tried = o.Tried || o.Forget && *uncertain\n", "",
			"./shared/gate", "TestHoldAfterLostAnswers",
		},
		{
			"a hold that grew is returned with the units that it had before: units are lost",
			"shared/dynamo/directwrite.go", "	e.require(recordAttribute(e, o, recordQuota).equals(o.Held))\n", "",
			"./shared/dynamo", "TestOperationsMatchApply",
		},
		{
			"a token keeps the prices of a group that is no longer granted",
			"shared/dynamo/groups.go", "		e.set(attrGroupGranted, optionalFlag(u.Grants(t.Group)))\n", "		e.set(attrGroupGranted, optionalFlag(true))\n",
			"./shared/api", "TestGroupPrice",
		},
		{
			"a deletion leaves the previous key valid for its grace period",
			"shared/dynamo/delete.go", "	e.set(attrPrevious, nil)\n", "",
			"./shared/dynamo", "TestDeleteRevokesBothKeys",
		},
		{
			"the write of an update does not check If-Match: it overwrites another update",
			"shared/dynamo/update.go", "	if versions == nil {\n", "	if len(versions) > 0 {\n",
			"./shared/api", "TestContract/IfMatch",
		},
		{
			"quota_delta subtracts more than is left",
			"shared/dynamo/update.go", "		e.require(left.atLeast(-n))\n", "",
			"./shared/dynamo", "TestConcurrentDeltasAndSpends",
		},
		{
			"a purge does not require that its mark is new: a repeated stream record is counted again",
			"shared/dynamo/purge.go", "s.putNew(purgeMarkItem(userID, id, now))", "s.putWrite(purgeMarkItem(userID, id, now), newExpression())",
			"./shared/boot", "TestCountsAfterRandomHistories",
		},
		{
			"the removal of a revoked token does not require its item: a purged token is counted again",
			"shared/dynamo/delete.go", "		remove.require(remove.name(attrRevoked).exists())\n", "",
			"./shared/boot", "TestCountsAfterRandomHistories",
		},
		{
			"the purge also counts removals by callers: a deletion is counted twice",
			"shared/dynamo/purge.go", `r.Actor != "Service" || r.Principal != "dynamodb.amazonaws.com"`, `r.Actor == "" && r.Principal != ""`,
			"./shared/boot", "TestCountsAfterRandomHistories",
		},
		{
			"a repair stores no marks: a late purge is counted again",
			"shared/dynamo/reconcile.go", "for _, id := range found.missing {", "for _, id := range found.missing[:0] {",
			"./shared/dynamo", "TestReconcile",
		},
		{
			"authentication reads with eventual consistency: a revoked access token still works",
			"shared/dynamo/calls.go", "return s.read(ctx, key, true)", "return s.read(ctx, key, false)",
			"./shared/dynamo", "TestOperationCosts/10_tokens",
		},
		{
			"an update without an answer is sent again: it overwrites another update",
			"shared/dynamo/retry.go", "retryPolicy{maxAttempts, false, true, nil", "retryPolicy{maxAttempts, true, true, nil",
			"./shared/dynamo", "TestSingleFault",
		},
		{
			"verify reads with eventual consistency: a deleted key is accepted",
			"shared/dynamo/calls.go", "return s.read(ctx, key, true)", "return s.read(ctx, key, false)",
			"./shared/gate", "TestRevokedKeyIsRefusedAtOnce",
		},
		{
			"a spend reads, computes and writes: of two at the same time, one is not charged",
			"shared/dynamo/operation.go", "found, applied, err := s.tryDirectWrite(ctx, key, o, uncertain)\n", readModifyWrite,
			"./shared/gate", "TestHistoriesAreLinearizable/gate",
		},
		{
			"the quota is read, computed and written: more than the quota is spent",
			"shared/dynamo/operation.go", "found, applied, err := s.tryDirectWrite(ctx, key, o, uncertain)\n", readModifyWrite,
			"./shared/gate", "TestConcurrentSpendsNeverExceedQuota/gate",
		},
		{
			"a rewrite does not require the revision: it overwrites another operation",
			"shared/dynamo/operation.go", `e.require(e.name(attrRevision).absent() + " OR " + e.name(attrRevision).equals(found.Revision))`, "_ = found",
			"./shared/gate", "TestHistoriesAreLinearizable/gate",
		},
		{
			"a spend without a request id is sent again without an answer: it is charged twice",
			"shared/dynamo/operation.go", "if o.Repeatable() {\n", "if o.Repeatable() || o.Kind == quota.KindSpend {\n",
			"./shared/dynamo", "TestOperationAttempts",
		},
		{
			"an operation that was applied is refused because the key was disabled since",
			"shared/dynamo/operation.go", "if err != nil && uncertain && ", "if err == nil && uncertain && ",
			"./shared/dynamo", "TestUncertainOperationIsNotRefused",
		},
		{
			"settle does not require an open hold: it is charged again",
			"shared/dynamo/directwrite.go", "e.require(recordAttribute(e, o, recordEnded).absent())\n", "",
			"./shared/gate", "TestHistoriesAreLinearizable/gate",
		},
		{
			"a direct write ignores a hold that expires in this second: its units are missing",
			"shared/dynamo/directwrite.go", "e.name(attrEarliestExpiry).above(now)", "e.name(attrEarliestExpiry).above(now-1)",
			"./shared/gate", "TestHistoriesAreLinearizable/gate",
		},
		{
			"a foreign key is accepted although the token was deleted",
			"shared/dynamo/delete.go", "	writes = append(writes, s.foreignWrites(t)...)\n", "",
			"./shared/dynamo", "TestForeignKeyOfRemovedToken",
		},
		{
			"a process that knew a foreign key refuses it for ever after it was imported again",
			"shared/dynamo/foreign.go", "	if errors.Is(err, quota.ErrKeyUnknown) {", "	if errors.Is(err, quota.ErrUncertain) {",
			"./shared/dynamo", "TestForeignKeyOfRemovedToken",
		},
		{
			"two tokens get the same foreign key",
			"shared/dynamo/create.go", "s.putNew(foreignKeyItem(t))", "s.putWrite(foreignKeyItem(t), newExpression())",
			"./shared/dynamo", "TestRepeatedImport",
		},
		{
			"foreign keys are accepted although they are turned off",
			"shared/boot/boot.go", "	if e.ForeignKeys {", "	if !e.ForeignKeys {",
			"./shared/boot", "TestForeignKeysSetting",
		},
		{
			"a search misses a token that was created just now",
			"shared/dynamo/search.go", "fresh := few || sp.Hi > counts.LastID-freshTokens", "fresh := few",
			"./shared/dynamo", "TestSearchFindsNewTokens",
		},
		{
			"a search misses a token that was created just before a bucket was full",
			"shared/dynamo/search.go", "sp.Hi > counts.LastID-freshTokens", "sp.Hi > counts.LastID-1",
			"./shared/dynamo", "TestSearchFindsNewTokens",
		},
		{
			"a search shows a token that no longer matches",
			"shared/dynamo/search.go", "if t, ok := stored[id]; ok && search.Query.Matches(t, search.Now) {", "if t, ok := stored[id]; ok {",
			"./shared/dynamo", "TestSearchReadsItsPage",
		},
		{
			"a search shows only what it has compared of a token",
			"shared/dynamo/search.go", "		if few {\n", "		if few = true; few {\n",
			"./shared/dynamo", "TestSearchReadsItsPage",
		},
		{
			"a search finds a revoked token",
			"shared/dynamo/search.go", "if revoked(it) || !search", "if !search",
			"./shared/dynamo", "TestSearchLeavesOutRevoked",
		},
		{
			"a create forgets its idempotency key: a repetition after a lost answer makes a second token",
			"shared/api/idempotency.go", "	if len(keys) == 0 {\n", "	if len(keys) == 0 || r.URL.Path == wire.TokensPath {\n",
			"./internal/faultstest", "TestFaults/create",
		},
		{
			"a spend without a request ID is sent again after a lost answer: it is charged twice",
			"shared/dynamo/operation.go", "	policy := retryNotApplied()\n", "	policy := retryIdempotent()\n",
			"./internal/faultstest", "TestFaults/verify,_spend_without_a_request_ID",
		},
		{
			"a refused connection is answered as a change that may have been made",
			"shared/dynamo/retry.go", "	case notApplied(err) || conflicted(err): // also", "	case !noAnswer(err) && (notApplied(err) || conflicted(err)): // also",
			"./internal/faultstest", "TestHungEngine",
		},
		{
			"a slow spend is sent a second time: it is charged twice",
			"shared/dynamo/hedge.go", `"Query": {now: now}}`, `"Query": {now: now}, "UpdateItem": {now: now}}`,
			"./shared/dynamo", "TestWritesAreNotHedged/UpdateItem",
		},
		{
			"if the table is slow, every read is sent a second time",
			"shared/dynamo/hedge.go", "|| !ok || !r.h.spend() {", "|| !ok {",
			"./shared/dynamo", "TestHedgeBudget",
		},
		{
			"if the table becomes slow, all reads are sent a second time at once",
			"shared/dynamo/hedge.go", "min(h.saved+1, maxSavedHedges*callsPerHedge)", "h.saved + 1",
			"./shared/dynamo", "TestHedgeBudget/all_at_once",
		},
		{
			"a second attempt that fails makes a read fail",
			"shared/dynamo/hedge.go", "won := a.succeeded() && !r.decided", "won := !r.decided",
			"./shared/dynamo", "TestHedge$",
		},
		{
			"a read waits for its slow attempt although the other has an answer",
			"shared/dynamo/hedge.go", "	r.cancelFirst()\n", "",
			"./shared/dynamo", "TestHedge$",
		},
		{
			"a second attempt goes on although its answer is not wanted",
			"shared/dynamo/hedge.go", "		r.cancelSecond()\n	} else", "	} else",
			"./shared/dynamo", "TestHedge$",
		},
		{
			"the connection of an answer that is not wanted stays open",
			"shared/dynamo/hedge.go", "		_ = a.response().Body.Close()\n", "		_ = a.response().Body\n",
			"./shared/dynamo", "TestHedge$",
		},
		{
			"the units of a second attempt are not counted",
			"shared/dynamo/meter.go", "c.Hedged = 2*c.ReadUnits,", "c.Hedged = c.ReadUnits,",
			"./shared/dynamo", "TestHedge$",
		},
		{
			"the 99th percentile is that of all calls since the start",
			"shared/dynamo/latencies.go", "			l.sum[i] -= n\n			l.total -= n\n", "			l.sum[i] -= 0 * n\n",
			"./shared/dynamo", "TestHedgeFollows",
		},
		{
			"functions wait for slow reads",
			"shared/boot/boot.go", ", dynamo.Hedge(time.Now))", ")",
			"./shared/boot", "TestStoreHedges",
		},
		{
			"servers wait for slow reads",
			"cmd/tokenctl/connect.go", "provider, dynamo.Hedge(time.Now))", "provider, func(*dynamodb.Options) {})",
			"./cmd/tokenctl", "TestServersHedge",
		},
		{
			"a call that fails is sent once more than its policy says",
			"shared/dynamo/retry.go", "return p.maxAttempts }", "return p.maxAttempts + 1 }",
			"./shared/dynamo", "TestLastingFault",
		},
		{
			"a batch of reads that is answered in part is taken for the whole: a token that exists is not found",
			"shared/dynamo/calls.go", "		pending = out.UnprocessedKeys[s.table].Keys\n", "		pending = nil\n",
			"./internal/faultstest", "TestFaults/get$",
		},
		{
			"a deletion waits for the other writes of a busy token",
			"shared/dynamo/delete.go", "policy.uncertain = maxAttempts, false, ", "policy.uncertain = maxAttempts, true, ",
			"./shared/dynamo", "TestLastingFault/delete/TransactWriteItems",
		},
		{
			"a deletion whose transaction got no answer says that there is no token",
			"shared/dynamo/delete.go", "versions, by, &uncertain)", "versions, by, new(bool))",
			"./shared/dynamo", "TestUncertainDeletion",
		},
		{
			"an answer is lost because the SDK has closed the request while it is sent",
			"shared/dynamo/client.go", "if r.ContentLength > 0 {", "if r.ContentLength < 0 {",
			"./shared/dynamo", "TestBodyOutlivesClose",
		},
	}
}

// readModifyWrite replaces the direct write of an operation.
const readModifyWrite = `
		read, err := s.lookup(ctx, key)
		if err != nil {
			return read, err
		}
		then, changes, err := o.Apply(read)
		if err != nil || !changes {
			return read, err
		}
		e := newExpression()
		e.require(e.name(attrHash).exists())
		for attr, value := range ledgerItem(then) {
			e.set(attr, value)
		}
		found, applied, err := s.writeOperation(ctx, key, o, e, uncertain)
`
