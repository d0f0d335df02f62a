package main

// stopMutants are about stopping and deleting users.
func stopMutants() []mutant {
	return []mutant{
		{
			"a process that remembers a token's limits uses stopped keys",
			"shared/dynamo/directwrite.go", "	e.require(e.name(attrStopped).absent())\n", "",
			"./shared/gate", "TestStoppedKeys",
		},
		{
			"a check accepts stopped keys",
			"shared/quota/question.go", "	case t.Stopped:\n", "	case false:\n",
			"./shared/gate", "TestStoppedKeys",
		},
		{
			"an operation that has read a token writes it after it was stopped",
			"shared/dynamo/stop.go", "	e.add(attrRevision, 1)\n", "",
			"./shared/gate", "TestStopBetweenReadAndWrite",
		},
		{
			"a slow walk undoes a newer order",
			"shared/dynamo/stop.go", "	e.require(order.absent() + \" OR \" + order.atMost(u.StopOrders-1))\n", "	_ = order\n",
			"./shared/gate", "TestLastOrderWins",
		},
		{
			"a slow walk stops tokens that were created after a newer order",
			"shared/dynamo/stop.go", "id > u.LastTokenID || ", "",
			"./shared/gate", "TestOldOrderChangesNothing",
		},
		{
			"enabling leaves tokens alone that a slow walk has yet to stop",
			"shared/dynamo/stop.go", "order >= u.StopOrders || revoked(it)", "order >= u.StopOrders || revoked(it) || stopped == u.KeysStopped()",
			"./shared/gate", "TestOldOrderChangesNothing",
		},
		{
			"a token can be created while the keys of its user are stopped",
			"shared/token/limits.go", "	case u.KeysStopped():\n", "	case false:\n",
			"./shared/gate", "TestOwnerCannotLiftStop",
		},
		{
			"a repeated order counts as a new one, and enabling twice stops the keys",
			"shared/token/user.go", "	if u.KeysStopped() != stop {\n", "	if true {\n",
			"./shared/gate", "TestOldOrderChangesNothing",
		},
		{
			"a disabled user whose keys were not all stopped stays so: a repetition does nothing",
			"shared/token/userstop.go", "u.StopOrders == 0", "u.StopOrders == out.Before.StopOrders",
			"./shared/gate", "TestInterruptedStop",
		},
		{
			"the name of a user is given away before its last items are gone",
			"shared/dynamo/removeuser.go", "	if err := s.removeItems(ctx, append(items, walletKey(u.ID))); err != nil {\n", "	_, _ = s.transact(ctx, s.forgetUser(u)...)\n	if err := s.removeItems(ctx, append(items, walletKey(u.ID))); err != nil {\n",
			"./shared/dynamo", "TestInterruptedUserDeletion",
		},
		{
			"the purge counts for a user that is being deleted: the SEG item comes back",
			"shared/dynamo/delete.go", "	meta.require(meta.name(attrDeleting).absent())\n", "",
			"./shared/dynamo", "TestPurgeOfDeletedUser",
		},
		{
			"the purge of a deleted user fails for ever",
			"shared/dynamo/purge.go", "case reasons != nil && userGone(reasons[1]):", "case false:",
			"./shared/dynamo", "TestPurgeOfDeletedUser",
		},
		{
			"the access token of a user that is being deleted still works",
			"shared/token/userstop.go", "u.Deleting, u.Disabled, u.Slots = true, true, [MaxSlots]Slot{}", "u.Deleting = true",
			"./shared/dynamo", "TestUserBeingDeleted",
		},
	}
}
