package main

// mutants are all of them.
func mutants() []mutant {
	return []mutant{
		{
			"create without the seq condition: two tokens get one id, or none",
			"shared/dynamo/create.go", "e.require(e.name(attrGiven).is(user.Given))\n", "",
			"./shared/client", "TestConcurrentCreatesAllSucceed",
		},
		{
			"delete without counting: totals and pages drift",
			"shared/dynamo/delete.go", "return append(writes, s.count(userID, id)...)", "return writes",
			"./shared/api", "TestContract/Delete",
		},
		{
			"an answer is kept over another: two requests with one idempotency key make two tokens",
			"shared/dynamo/kept.go", `e.require(e.name(PartitionKey).absent() + " OR " + e.name(TTL).atMost(k.Now))`, `e.require(e.name(PartitionKey).absent() + " OR " + e.name(TTL).atMost(k.Until))`,
			"./shared/api", "TestAHundredAtOnceWithOneKeyAreOne",
		},
		{
			"a repetition of a batch forgets what the attempt before has deleted",
			"shared/api/batchdelete.go", "if there[i] && ", "if there[i] && plan == nil && ",
			"./shared/api", "TestABatchThatIsCutShortIsFinishedByItsRepetition",
		},
		{
			"a kept answer can be read with the idempotency key alone",
			"shared/token/request.go", "hkdf.Key(sha256.New, []byte(at.Reveal()),", "hkdf.Key(sha256.New, []byte(\"at\"),",
			"./shared/token", "TestWhatIsKeptOpensForTheSameRequestOnly",
		},
		{
			"how fast a user has made tokens is not stored",
			"shared/dynamo/create.go", "	if birth.Paced != user.Paced {\n", "	if birth.Paced < user.Paced {\n",
			"./shared/dynamo", "TestRivalsTogetherMakeNoMoreThanTheUserMay/rate",
		},
		{
			"a key that was rotated away works after its grace",
			"shared/dynamo/rotate.go", "	if !mayBeOver {\n", "	if !mayBeOver && now < 0 {\n",
			"./shared/api", "TestContract/Rotate",
		},
		{
			"a check looks whose the key is, and not whether it is over",
			"shared/gate/gate.go", "if err == nil && !l.Opens(key.Hash(), now) {", "if err == nil && !l.Knows(key.Hash()) {",
			"./shared/gate", "TestNoKeyIsAcceptedAfterItsEndWasAcknowledged",
		},
		{
			"a deletion leaves the key before in its grace",
			"shared/dynamo/delete.go", "	e.set(attrPrevious, nil)\n", "",
			"./shared/dynamo", "TestADeletionEndsBothKeys",
		},
		{
			"If-Match is not asked in the write: an editor undoes what a rival did",
			"shared/dynamo/store.go", "	if versions == nil {\n", "	if len(versions) > 0 {\n",
			"./shared/api", "TestContract/IfMatch",
		},
		{
			"a token shows a field that the document does not have",
			"shared/api/token.go", "	PreviousUntil      int64    `json:\"previous_until,omitempty\"`\n", "	PreviousUntil      int64    `json:\"previous_until,omitempty\"`\n	Version            int64    `json:\"version\"`\n",
			"./shared/api", "TestTheDocumentsSchemasAreTheWireTypes",
		},
		{
			"a grace may be longer than the document says",
			"shared/token/turn.go", "const MaxGrace = 7 * ", "const MaxGrace = 8 * ",
			"./shared/api", "TestTheDocumentsLimitsAreTheCodes",
		},
		{
			"an answer has a header that the document does not have",
			"shared/api/delete.go", "ok(nil).about(in.id)", "ok(nil).about(in.id).withETag(1)",
			"./shared/api", "TestContract/Delete",
		},
		{
			"quota_delta takes away more than there is",
			"shared/dynamo/store.go", "		e.require(left.atLeast(-n))\n", "",
			"./shared/dynamo", "TestDeltasAndSpendsAddUp",
		},
		{
			"a purge leaves no mark: a record that comes again is counted again",
			"shared/dynamo/purge.go", "Put: s.putNew(markItem(userID, id, now))", "Put: &types.Put{TableName: &s.table, Item: markItem(userID, id, now)}",
			"./shared/boot", "TestNoHistoryDrifts",
		},
		{
			"a burial does not ask for the killed item: what was purged is counted again",
			"shared/dynamo/delete.go", "e.require(e.name(attrKilled).exists())", `e.require(e.name(attrKilled).exists() + " OR " + e.name(attrHash).absent())`,
			"./shared/boot", "TestNoHistoryDrifts",
		},
		{
			"a purge counts whoever removed the token: a deletion is counted twice",
			"shared/dynamo/purge.go", `c.Actor != "Service" || c.Principal != "dynamodb.amazonaws.com"`, `c.Actor == "" && c.Principal != ""`,
			"./shared/boot", "TestNoHistoryDrifts",
		},
		{
			"a repair leaves no marks: a purge that comes late is counted too",
			"shared/dynamo/reconcile.go", "for _, id := range found.missing {", "for _, id := range found.missing[:0] {",
			"./shared/dynamo", "TestReconcileRepairsWhatHasDrifted",
		},
		{
			"status not derived: an expired token looks enabled",
			"shared/token/token.go", "case t.ExpiredTime != Never && t.ExpiredTime <= now:\n\t\treturn Expired", "case t.ExpiredTime != Never && t.ExpiredTime <= now:\n\t\treturn Enabled",
			"./shared/api", "TestContract/Status",
		},
		{
			"another user's token is told from a missing one",
			"shared/api/get.go", "t, err := service.Get(ctx, at, id)", "t, err := service.Get(ctx, at, id)\n\tif err != nil && id < 100 {\n\t\terr = token.ErrForbidden\n\t}",
			"./shared/api", "TestContract/Foreign",
		},
		{
			"eventual read in authentication: a revoked access token lives on",
			"shared/dynamo/store.go", "ConsistentRead: aws.Bool(true), ReturnConsumedCapacity: consumed,\n\t}, reading)\n\tif err != nil {\n\t\treturn token.User{}, nil,", "ConsistentRead: aws.Bool(false), ReturnConsumedCapacity: consumed,\n\t}, reading)\n\tif err != nil {\n\t\treturn token.User{}, nil,",
			"./shared/dynamo", "TestEachOperationCostsWhatTheDesignSays/10_tokens",
		},
		{
			"an update whose answer got lost is sent again: it undoes a rival's change",
			"shared/dynamo/client.go", "retryer(attempts, refused, conflicted),", "retryer(attempts, refused, conflicted, lost),",
			"./shared/dynamo", "TestASingleFaultIsSurvivedAndNothingIsAppliedTwice",
		},
		{
			"the log shows access tokens",
			"shared/api/protocol.go", "Route: route.Name, RequestID", `Route: r.Header.Get("Authorization"), RequestID`,
			"./shared/api", "TestContract/SpecExamples",
		},
		{
			"another site may frame the console",
			"shared/api/page.go", `h.Set("Content-Security-Policy", s.Policy)`, `h.Set("Content-Security-Policy-Report-Only", s.Policy)`,
			"./shared/api", "TestAPageIsWhatItSaysAndADocumentInNoFrame",
		},
		{
			"a browser keeps for good what it asked for under the version of another deployment",
			"shared/api/page.go", `r.URL.Query().Get("v") == version`, `r.URL.Query().Has("v")`,
			"./shared/api", "TestAPageIsAskedAboutEachTimeButUnderItsVersionKeptForGood",
		},
		{
			"a key with a wrong checksum is accepted",
			"shared/token/credential.go", "|| sum != crc32.ChecksumIEEE(record[:len(record)-crc32.Size])", "|| sum == 0",
			"./shared/token", "TestTypoIsRefusedWithoutARead",
		},
		{
			"a verification is answered out of a cache for 5 ms: a deleted key is let in",
			"shared/gate/gate.go", verify, cachedVerify,
			"./shared/gate", "TestNoKeyIsAcceptedAfterItsEndWasAcknowledged",
		},
		{
			"a verification reads what a replica has: a deleted key is let in",
			"shared/dynamo/operate.go", "ConsistentRead: aws.Bool(true)", "ConsistentRead: aws.Bool(false)",
			"./shared/gate", "TestNoKeyIsAcceptedAfterItsEndWasAcknowledged",
		},
		{
			"spending reads, computes and writes: of two at once, one is not charged",
			"shared/dynamo/operate.go", "stored, l, err := s.write(ctx, key, o, blind(key, o), doubt)\n", readModifyWrite,
			"./shared/gate", "TestEveryHistoryIsLinearizable/gate",
		},
		{
			"the quota is read, computed and written: more than it is granted",
			"shared/dynamo/operate.go", "stored, l, err := s.write(ctx, key, o, blind(key, o), doubt)\n", readModifyWrite,
			"./shared/gate", "TestManyTakeExactlyTheQuota/gate",
		},
		{
			"a rewriting does not ask whether units have moved: what rivals did is undone",
			"shared/dynamo/operate.go", `e.require(e.name(attrRevision).absent() + " OR " + e.name(attrRevision).is(found.Revision))`, "_ = found",
			"./shared/gate", "TestEveryHistoryIsLinearizable/gate",
		},
		{
			"the SDK repeats a spend without a request id: it is charged twice",
			"shared/dynamo/operate.go", "if o.Repeatable() {\n", "if o.Repeatable() || o.Kind == token.Spend {\n",
			"./shared/gate", "TestEveryHistoryIsLinearizable/gate",
		},
		{
			"an operation that was carried out is refused, for the key was disabled since",
			"shared/dynamo/operate.go", "if err != nil && doubt && ", "if err == nil && doubt && ",
			"./shared/dynamo", "TestAnOperationThatMayHaveBeenCarriedOutIsNotRefused",
		},
		{
			"settle does not look whether the hold has ended: it is charged again",
			"shared/dynamo/blind.go", "e.require(ofRecord(e, o, recordEnded).absent())\n", "",
			"./shared/gate", "TestEveryHistoryIsLinearizable/gate",
		},
		{
			"a hold that has lapsed stays open: it comes home again",
			"shared/token/ledger.go", "r.Fate, r.Ended = Lapsed, r.Until\n", "r.Ended = r.Until\n",
			"./shared/gate", "TestEveryHistoryIsLinearizable/gate",
		},
		{
			"a write without a look overlooks a hold that lapses in this second: its units are missing",
			"shared/dynamo/blind.go", `e.name(attrDue).absent() + " OR " + e.name(attrDue).above(now)`, `e.name(attrDue).absent() + " OR " + e.name(attrDue).above(now-1)`,
			"./shared/gate", "TestEveryHistoryIsLinearizable/gate",
		},
		{
			"a lease of a process that died is given back: what it let through is free",
			"shared/token/ledger.go", "if r.Lease {", "if r.Lease && r.Quota < 0 {",
			"./shared/gate", "TestALeaseOfADeadProcessIsChargedNotGivenBack",
		},
		{
			"a panic of the handler behind the middleware leaves the hold open",
			"shared/gateway/request.go", "defer func() { m.finish(r.Context(), req, rw, returned) }() // also if next panics; the panic continues\n\tm.next.ServeHTTP(rw, req.forwarded(r))\n\treturned = true", "m.next.ServeHTTP(rw, req.forwarded(r))\n\treturned = true\n\tm.finish(r.Context(), req, rw, returned)",
			"./shared/gateway", "TestFailureIsFree",
		},
		{
			"the first of two models is checked, but the upstream server uses the last",
			"shared/gateway/body.go", "if found || name != \"model\" || value[0] != '\"' {", "if found {\n\t\t\tcontinue\n\t\t}\n\t\tif name != \"model\" || value[0] != '\"' {",
			"./shared/gateway", "TestAmbiguousBodyIsRefused/json",
		},
		{
			"a list of allowed addresses is not checked if the client's address is invalid",
			"shared/gateway/request.go", "q.IP = netip.IPv6Unspecified()", "q.IP = netip.Addr{}",
			"./shared/gateway", "TestClientIP",
		},
		{
			"the key is forwarded to the upstream server",
			"shared/gateway/request.go", `{"Authorization", "Accept-Encoding", "Upgrade"}`, `{"Accept-Encoding", "Upgrade"}`,
			"./shared/gateway", "TestForwardedRequest",
		},
		{
			"the hold is not released if the client disconnects",
			"shared/gateway/settle.go", "context.WithTimeout(context.WithoutCancel(ctx), settleTimeout)", "context.WithTimeout(ctx, settleTimeout)",
			"./shared/gateway", "TestDisconnect",
		},
		{
			"an error of the upstream server is charged",
			"shared/gateway/settle.go", "if rw.status >= http.StatusMultipleChoices {", "if rw.status < 0*http.StatusOK {",
			"./shared/gateway", "TestFailureIsFree",
		},
		{
			"the first usage of a stream is charged instead of the last",
			"shared/gateway/scanner.go", "if len(s.copied) <= maxUsageBytes &&", "if s.usage == nil && len(s.copied) <= maxUsageBytes &&",
			"./shared/gateway", "TestLastUsageIsFound",
		},
		{
			"a restarted import sends its pending batch with a new idempotency key: the tokens are created twice",
			"cmd/tokenctl/journal/journal.go", "		return im.send(ctx, b)\n", "		b.pending.Key = crand.Text()\n		return im.send(ctx, b)\n",
			"./cmd/tokenctl/journal", "TestLostRequestOrAnswer",
		},
		{
			"a client takes its own time-out for the caller's deadline: a lost answer is not asked for again, and its key is lost",
			"shared/client/send.go", "if err == nil || ctx.Err() != nil ||", "if err == nil || errors.Is(err, context.DeadlineExceeded) ||",
			"./shared/client", "TestAnAnswerThatIsLostByTimeOutIsAskedForAgain",
		},
	}
}

// Verify, and what stands in its place to cache its answers.
const (
	verify = "func (g *Gate) Verify(ctx context.Context, key string, q token.Question) (token.Verdict, error) {\n"

	cachedVerify = verify + `
	asked := fmt.Sprint(key, q)
	lock <- struct{}{}
	old, ok := answers[asked]
	<-lock
	if q.Quota == 0 && ok && time.Since(old.at) < 5*time.Millisecond {
		return old.Verdict, nil
	}
	v, err := g.verify(ctx, key, q)
	lock <- struct{}{}
	answers[asked] = cached{v, time.Now()}
	<-lock
	return v, err
}

type cached struct {
	token.Verdict
	at time.Time
}

var answers, lock = map[string]cached{}, make(chan struct{}, 1)

func (g *Gate) verify(ctx context.Context, key string, q token.Question) (token.Verdict, error) {
`
)

// What stands in the place of an operation's conditional write.
const readModifyWrite = `
		read, err := s.Look(ctx, key)
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
		stored, l, err := s.write(ctx, key, o, e, doubt)
`
