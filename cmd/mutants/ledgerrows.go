package main

// ledgerMutants returns the mutants of spends, holds and leases.
func ledgerMutants() []mutant {
	return []mutant{
		{
			"a settlement by usage is refused after one rotation if prices have groups: the request is free",
			"shared/gate/cost.go", "	l, err := g.store.Lookup(ctx, k, g.now().Unix())\n", "	l, err := g.lookup(ctx, k, g.now().Unix())\n",
			"./shared/api", "TestSettleByUsageAfterRotation",
		},
		{
			"a request whose hold was charged when it expired is charged again",
			"shared/gateway/settle.go", "	return charged.Units\n", "	return 0\n",
			"./shared/gateway", "TestExpiredHoldWasCharged",
		},
		{
			"a stream whose hold was charged when it expired holds and pays all of it again",
			"shared/gateway/charge.go", "	before += chargedBy(err)\n", "",
			"./shared/gateway", "TestExpiredHoldWasCharged",
		},
		{
			"a token that becomes limited during a request is not charged: the owner makes it free",
			"shared/quota/operation.go", "max(l.Balance.Left, r.Quota))", "max(l.Balance.Left, r.Debited()))",
			"./shared/dynamo", "TestChangesDoNotMakeRequestsFree",
		},
		{
			"the balance becomes negative if a token becomes limited during a request",
			"shared/quota/operation.go", "		if r.BeforeReserve.Unlimited {\n			paid", "		if r.BeforeReserve.Unlimited && paid < 0 {\n			paid",
			"./shared/quota", "TestHoldOfTokenThatBecameLimited",
		},
		{
			"a hold of a token that became limited grows without the balance: a stream goes on for free",
			"shared/quota/operation.go", "		l.Balance = l.Balance.debit(r.Quota)\n", "",
			"./shared/quota", "TestHoldOfTokenThatBecameLimited",
		},
		{
			"the answer about a hold that was charged when it expired says that its quota is free: it is charged again",
			"shared/quota/ledger.go", "ErrorOfExpiry(r.ChargedOnExpiry())", "ErrHoldExpired",
			"./shared/api", "TestContract/Holds",
		},
		{
			"a repeated reservation is refused because a rotation came in between",
			"shared/quota/operation.go", "o.ExpiryCharge > old.ExpiryCharge", "o.ExpiryCharge != old.ExpiryCharge",
			"./shared/dynamo", "TestRotationKeepsOtherHolds",
		},
		{
			"a short request id is accepted: the holder of a key guesses it and ends the gateway's hold",
			"shared/quota/question.go", "if len(id) < MinRequestIDLength || ", "if id == \"\" || ",
			"./shared/api", "TestContract/KeyRules",
		},
		{
			"a repeated reservation whose hold has ended is valid, although nothing is held",
			"shared/quota/operation.go", "		return false, old.endError()\n", "		return false, nil\n",
			"./shared/api", "TestContract/Holds",
		},
		{
			"a settlement with a shortfall forgets it: a repetition says that all was charged",
			"shared/quota/operation.go", "if o.Forget && r.Charged == r.Requested {", "if o.Forget {",
			"./shared/gate", "TestHoldAfterLostAnswers",
		},
		{
			"an expired hold stays open: its units are returned again and again",
			"shared/quota/ledger.go", "r.State, r.EndedAt, r.Model = StateExpired, r.ExpiresAt, \"\"\n", "r.EndedAt = r.ExpiresAt\n",
			"./shared/gate", "TestHistoriesAreLinearizable/gate",
		},
		{
			"the lease of a process that died is returned instead of charged",
			"shared/quota/ledger.go", "charged := r.ChargedOnExpiry()\n", "charged := min(0, r.Quota)\n",
			"./shared/gate", "TestLeaseOfDeadProcessIsCharged",
		},
		{
			"a charge beyond the hold is refused because the key was disabled meanwhile",
			"shared/quota/operation.go", "(o.Kind != KindSpend || !o.Used)", "o.Kind != 0",
			"./shared/gateway", "TestLateChargeOfRefusedKey",
		},
		{
			"a repeated settlement is charged again",
			"shared/quota/operation.go", "	case r.State != StateOpen:\n", "	case r.State != StateOpen && r.State != StateSettled:\n",
			"./internal/faultstest", "TestFaults/settle",
		},
		{
			"a gateway that dies has charged nothing for what it delivered",
			"shared/quota/ledger.go", "charged := r.ChargedOnExpiry()\n", "charged := r.ChargedOnExpiry() * (r.ExpiryCharge / ChargeAll)\n",
			"./shared/gateway", "TestExpiredHold",
		},
		{
			"a stream delivers beyond what is charged if its gateway dies",
			"shared/gateway/charge.go", "w.req.prepaid+w.req.hold.ExpiryCharge()", "w.req.prepaid+w.req.hold.Units()",
			"./shared/gateway", "TestStreamIsAssured",
		},
		{
			"a request is not charged at all if its gateway dies before the first piece of its answer",
			"shared/gateway/reserve.go", "	if q.ExpiryCharge, err = cost(output); err != nil {", "	if _, err = cost(output); err != nil {",
			"./shared/gateway", "TestExpiredHold",
		},
		{
			"all of a large hold is charged if its gateway dies",
			"shared/gateway/reserve.go", "min(output.OutputTokens, multiplySaturated(assuredTokens, req.body.answers()))", "max(output.OutputTokens, multiplySaturated(assuredTokens, req.body.answers()))",
			"./shared/gateway", "TestStreamIsAssured",
		},
		{
			"a request that outlasts its hold does not renew it",
			"shared/gateway/reserve.go", "		hold.Keep()\n", "",
			"./shared/gateway", "TestHoldIsRenewed",
		},
		{
			"a hold is renewed after its end",
			"shared/gate/hold.go", "if h.ended = true; h.keeper != nil {", "if h.keeper == nil {",
			"./shared/gate", "TestKeep",
		},
		{
			"a disabled key renews its holds",
			"shared/quota/operation.go", "		err = o.CheckIgnoringQuota(l.Token, o.Now)\n", "		err = nil\n",
			"./shared/gate", "TestRenewAndAssure",
		},
		{
			"a rotated key renews its holds: a second rotation makes their requests free",
			"shared/quota/operation.go", " && o.ExpiresAt == 0 && o.ExpiryCharge > 0\n", "\n",
			"./shared/dynamo", "TestRotationHistories",
		},
		{
			"what a hold is charged if it expires is lowered by a raise that arrives late",
			"shared/dynamo/directwrite.go", "charge.absent() + \" OR \" + charge.atMost(o.ExpiryCharge-more)", "charge.absent() + \" OR \" + charge.atMost(token.MaxInteger)",
			"./shared/dynamo", "TestOperationsMatchApply",
		},
		{
			"a stream stands still while its hold is renewed",
			"shared/gate/hold.go", "func (h *Hold) ExpiryCharge() int64 { return", "func (h *Hold) ExpiryCharge() int64 { h.mu.Lock(); defer h.mu.Unlock(); return",
			"./shared/gateway", "TestSlowRenewal",
		},
		{
			"what a hold was charged when it expired is counted for the model of one that was released",
			"shared/dynamo/historyitem.go", "record.ExpiresAt <= now", "used",
			"./shared/dynamo", "TestFoldOfRelease",
		},
		{
			"a hold that has expired is settled after all, if the table has forgotten it: nothing is charged",
			"shared/gate/hold.go", "		h.expired = err\n", "",
			"./shared/gate", "TestExpiryIsRemembered",
		},
		{
			"an input is charged twice if the gateway dies",
			"shared/gateway/charge.go", "	used.OutputTokens = multi", "	used.InputTokens *= 2\n	used.OutputTokens = multi",
			"./shared/gateway", "TestStreamIsAssured",
		},
		{
			"an answer that is no stream is passed on in parts, for a write more",
			"shared/gateway/response.go", "	case modeBinary:\n		return true\n	case modeJSON,", "	case modeBinary, modeJSON:\n		return true\n	case",
			"./shared/gateway", "TestPlainAnswerIsAssured/small",
		},
		{
			"parts of a large answer are delivered before they are charged",
			"shared/gateway/charge.go", "delivered == w.paid || w.stream.mode == modeBinary {", "delivered == w.paid || !w.stream.json.inArray && w.stream.mode != modeEvents {",
			"./shared/gateway", "TestPlainAnswerIsAssured/large",
		},
	}
}
