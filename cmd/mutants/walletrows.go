package main

// walletMutants are about the budget of a user.
func walletMutants() []mutant {
	return []mutant{
		{
			"a draw does not require the wallet to have the units",
			"shared/dynamo/walletdraw.go", "			e.require(left.atLeast(least))\n", "			_ = least\n",
			"./shared/dynamo", "TestDrawAfterAnother",
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
			"shared/dynamo/delete.go", "append(writes, s.returnWrites(t, at)...)", "append(writes, s.returnWrites(t, at)[:0]...)",
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
			"shared/dynamo/walletreclaim.go", "return lacks, s.returnBlocks(ctx, w, found, lacks-w.Left, now)", "_ = found\n	return w.Left, nil",
			"./shared/dynamo", "TestReclaimAfterRelease",
		},
		{
			"that no block had free units is remembered for ever",
			"shared/dynamo/walletreclaim.go", "!known || now >= found.second || found", "!known || found",
			"./shared/dynamo", "TestReclaimAfterRelease",
		},
		{
			"the units of an expired hold are not returned to the wallet",
			"shared/dynamo/walletreclaim.go", "if !b.revoked && l.HasExpiredHold(now) {", "if b.revoked && l.HasExpiredHold(now) {",
			"./shared/dynamo", "TestReclaimAfterRelease",
		},
		{
			"a token that was refused keeps others from its own free units",
			"shared/dynamo/walletreclaim.go", "s.totals.keep(w, total, now, all.Tokens)", "s.totals.keep(w, w.Left, now, all.Tokens)",
			"./shared/dynamo", "TestReclaimFromRefusedToken",
		},
		{
			"a budget that was raised refuses for what was left before",
			"shared/dynamo/walletreclaim.go", " || found.budget != w.Units", "",
			"./shared/dynamo", "TestRaisedBudgetAfterRefusal",
		},
		{
			"free units of a busy token are not found",
			"shared/dynamo/walletreclaim.go", "l.Block.Left>>attempt", "l.Block.Left>>(0*attempt)",
			"./shared/dynamo", "TestReclaimFromBusyToken",
		},
		{
			"a request gives up if the units that were freed for it are taken",
			"shared/dynamo/walletdraw.go", "required && reclaims == maxReclaims:", "required && reclaims == 1:",
			"./shared/dynamo", "TestReclaimAgain",
		},
		{
			"units of a removed token that was not counted yet are looked for again and again",
			"shared/dynamo/walletreclaim.go", "			total -= all.Missing\n", "",
			"./shared/dynamo", "TestRefusalBeforePurge",
		},
		{
			"what an interrupted deletion still holds is shown as free once its hold has expired",
			"shared/dynamo/wallet.go", "h.Add(l.Token, holdsEndedAt(it, now))", "h.Add(l.Token, now+0*holdsEndedAt(it, now))",
			"./shared/dynamo", "TestBlockOfInterruptedDeletion",
		},
		{
			"a request that can't be covered empties the blocks of others",
			"shared/dynamo/walletreclaim.go", "	if total-own < lacks && required {\n		return total - own, s.returnBlocks(ctx, w, found, -w.Left, now)\n	}\n	return lacks", "	_ = total\n	return lacks",
			"./shared/dynamo", "TestTooLargeRequestBesideBusyToken",
		},
		{
			"a token draws from a user whose tokens lost their meters",
			"shared/dynamo/walletdraw.go", "	e.require(e.name(attrMeters).exists())", "	_ = attrMeters",
			"./shared/dynamo", "TestDrawDuringChangeOfWindows",
		},
		{
			"what a deleted token held is free again",
			"shared/dynamo/walletdraw.go", "	back := t.BlockUse(at).Remaining\n", "	back := t.BlockUse(at).Remaining + t.InProgress(at)\n",
			"./shared/dynamo", "TestRemovedTokenReturnsBlock",
		},
		{
			"a hold that expires during an interrupted deletion is free",
			"shared/dynamo/tokenitem.go", "	second, _, _ := strings.Cut(r.text(attrRevoked), \"-\")\n", "	_, second, _ := strings.Cut(r.text(attrRevoked), \"-\")\n",
			"./shared/dynamo", "TestBlockOfInterruptedDeletion",
		},
		{
			"a removal that reconcile counted before the purge loses free units",
			"shared/dynamo/purge.go", "r.number(markCounted) != 0 || back == 0", "r.number(markCounted) == 0 || back == 0",
			"./shared/dynamo", "TestReconcileBeforePurge",
		},
		{
			"a late purge that is repeated returns its units twice",
			"shared/dynamo/purge.go", "	seen.set(markCounted, number(1))\n", "	seen.set(markCounted, number(0))\n",
			"./shared/dynamo", "TestReconcileBeforePurge",
		},
		{
			"reconcile forgets which purges have returned units",
			"shared/dynamo/purge.go", `"if_not_exists("+counted.placeholder+", "+e.value(number(0))+")"`, `e.value(number(0))`,
			"./shared/dynamo", "TestReconcileBeforePurge",
		},
		{
			"a check of a budget that is used up does not say when it renews",
			"shared/quota/block.go", "ResetsAt: s.ResetsAt}}", "}}",
			"./shared/dynamo", "TestCheckSaysWhenWalletRenews",
		},
		{
			"a settlement beyond the hold does not draw",
			"shared/quota/block.go", "		return shortage(l.Token, units, o.Now), false\n", "		return 0, false\n",
			"./shared/dynamo", "TestTurningWalletOnAndOff",
		},
		{
			"a spend does not need units in the block",
			"shared/quota/operation.go", "	if shortage(l.Token, o.Quota, o.Now) > 0 {\n		return false, RefusedByWallet(token.Supply{}) // the store looks whether there is any\n	}\n	o.recordUse(l)", "	o.recordUse(l)",
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
			"shared/dynamo/walletdraw.go", "			e.require(left.atLeast(least))\n", "			_ = least\n",
			"./shared/gate", "TestWalletIsLinearizable",
		},
		{
			"units that a hold returns go to its window and not to its block",
			"shared/quota/operation.go", "	take(l.metersOf(r), -r.Quota)\n	if o.Kind == KindSettle {", "	left := l.Block.Left\n	take(l.metersOf(r), -r.Quota)\n	l.Block.Left = left\n	if o.Kind == KindSettle {",
			"./shared/gate", "TestWalletIsLinearizable",
		},
		{
			"a deletion returns units to the wallet that are charged meanwhile",
			"shared/dynamo/delete.go", "		requireSame(own, attrRevision, known[attrRevision])", "		_ = attrRevision",
			"./shared/dynamo", "TestDeletionAfterAnotherWrite",
		},
		{
			"a deletion loses the block that is drawn meanwhile",
			"shared/dynamo/delete.go", "	requireSame(own, attrWallet, known[attrWallet])\n", "",
			"./shared/dynamo", "TestDeletionAfterAnotherWrite",
		},
	}
}
