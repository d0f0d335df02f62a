package main

// walletMutants are about the budget of a user.
func walletMutants() []mutant {
	return []mutant{
		{
			"a draw does not require the wallet to have the units",
			"shared/dynamo/walletdraw.go", "		e.require(left.atLeast(units))\n", "",
			"./shared/dynamo", "TestBudgetIsUsedExactly",
		},
		{
			"a block is filled outside the transaction that takes the units from the wallet",
			"shared/dynamo/walletdraw.go", `	reasons, err := s.transact(ctx,
		s.updateWrite(walletKey(w.UserID), takeFromWallet(stored, w, units)),
		s.updateWrite(tokenKey(found.UserID, found.ID), addToBlock(found, block, units)))
`, `	if _, err := s.transact(ctx, s.updateWrite(tokenKey(found.UserID, found.ID), addToBlock(found, block, units))); err != nil {
		return false, true, nil
	}
	var reasons []reason
	_, err = s.transact(ctx, s.updateWrite(walletKey(w.UserID), takeFromWallet(stored, w, units)))
`,
			"./shared/dynamo", "TestWalletCrashes",
		},
		{
			"a block survives the end of the wallet's period",
			"shared/dynamo/walletdraw.go", "Number: found.LastMeter + 1, EndsAt: w.EndsAt}", "Number: found.LastMeter + 1}",
			"./shared/dynamo", "TestOldBlockIsVoid",
		},
		{
			"a wallet whose period has ended is renewed by two processes at once",
			"shared/dynamo/walletdraw.go", "		e.require(e.name(attrRevision).equals(stored.Revision))\n", "",
			"./shared/dynamo", "TestRenewalByManyProcesses",
		},
		{
			"units that are used meanwhile are returned to the wallet",
			"shared/dynamo/walletdraw.go", "		e.require(left.atLeast(-units))\n", "",
			"./shared/dynamo", "TestBudgetIsUsedExactly",
		},
		{
			"the block of a removed token is returned to another count of the wallet",
			"shared/dynamo/walletdraw.go", "	requireCount(e, token.Wallet{Order: t.WalletOrder, Count: t.Block.Count})\n", "",
			"./shared/dynamo", "TestRemovedTokenReturnsBlock",
		},
		{
			"a removed token keeps its block",
			"shared/dynamo/delete.go", "append(writes, back...)", "writes",
			"./shared/dynamo", "TestRemovedTokenReturnsBlock",
		},
		{
			"an old order of the wallet overrides a newer one",
			"shared/token/wallet.go", "case w.Order > t.WalletOrder:", "case w.Order != t.WalletOrder:",
			"./shared/dynamo", "TestWalletOfKnownToken",
		},
		{
			"a process that knows a token without a wallet does not count in the wallet",
			"shared/dynamo/directlimits.go", "		e.require(e.name(attrWallet).absent())\n", "		_ = e\n",
			"./shared/dynamo", "TestWalletOfKnownToken",
		},
		{
			"a new token does not use its user's wallet",
			"shared/token/service.go", "		t.UsesWallet, t.WalletOrder = u.UsesWallet, u.WalletOrder\n", "",
			"./shared/dynamo", "TestReclaimAfterRelease",
		},
		{
			"a refusal comes although other tokens' blocks have free units",
			"shared/dynamo/walletreclaim.go", "	if s.empty.is(w, now) {\n		return false, nil\n	}\n	var got", "	if want > 0 {\n		return false, nil\n	}\n	var got",
			"./shared/dynamo", "TestReclaimAfterRelease",
		},
		{
			"that no block had free units is remembered for ever",
			"shared/dynamo/walletreclaim.go", "return now < found.second && found.revision", "return found.revision",
			"./shared/dynamo", "TestReclaimAfterRelease",
		},
		{
			"the units of an expired hold are not returned to the wallet",
			"shared/dynamo/walletreclaim.go", "		if l.HasExpiredHold(now) {", "		if l.HasExpiredHold(now) && now < 0 {",
			"./shared/dynamo", "TestReclaimAfterRelease",
		},
		{
			"a settlement beyond the hold does not draw",
			"shared/quota/block.go", "		return shortage(l.Token, units, o.Now), false\n", "		return 0, false\n",
			"./shared/dynamo", "TestTurningWalletOnAndOff",
		},
		{
			"a spend does not need units in the block",
			"shared/quota/operation.go", "	if shortage(l.Token, o.Quota, o.Now) > 0 {\n		return false, refusedByWallet()\n	}\n	o.recordUse(l)", "	o.recordUse(l)",
			"./shared/dynamo", "TestTurningWalletOnAndOff",
		},
		{
			"a block that has ended is charged",
			"shared/quota/block.go", "b.EndsAt != 0 && b.EndsAt <= now", "b.EndsAt < 0",
			"./shared/dynamo", "TestLateSettlement",
		},
		{
			"a change of the budget forgets what was drawn",
			"shared/token/wallet.go", "w.Left += b.Units - w.Units", "w.Left = b.Units",
			"./shared/token", "TestSetBudget",
		},
		{
			"a lowered budget leaves the free units to the tokens",
			"shared/dynamo/wallet.go", "if err != nil || w.Left >= 0 {", "if err != nil || w.Left >= 0 || w.On {",
			"./shared/dynamo", "TestLoweredBudget",
		},
		{
			"a token charges more than the budget of all",
			"shared/dynamo/walletdraw.go", "		e.require(left.atLeast(units))\n", "",
			"./shared/gate", "TestWalletIsLinearizable",
		},
	}
}
