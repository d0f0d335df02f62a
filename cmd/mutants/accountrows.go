package main

// accountMutants are about what a user and its callers see of its budget.
func accountMutants() []mutant {
	return []mutant{
		{
			"the balance that a user sees is that of the period that has ended",
			"shared/token/wallet.go", "	begun := w.EndsAt > now\n	w = w.At(now)\n", "	begun := w.EndsAt > now\n",
			"./shared/token", "TestWalletAsOf",
		},
		{
			"the budget of a user is read as often as anybody likes",
			"shared/dynamo/wallet.go", "	if err := s.admitChanges(ctx, c, u, token.ChangesOfReading(u.TokenCount())); err != nil {\n		return token.Holdings{}, err\n	}\n	return s.Holdings", "	return s.Holdings",
			"./shared/api", "TestContract/Account",
		},
		{
			"a user whose budget is used up gets a balance below 0",
			"shared/api/self.go", "max(0, w.Left)", "w.Left",
			"./shared/api", "TestContract/Account",
		},
		{
			"a refusal for lack of budget does not say what is left: a request that the rest pays for is refused",
			"shared/dynamo/operation.go", "				found.Supply = *supply\n", "",
			"./shared/gateway", "TestBudgetOfKey",
		},
		{
			"a budget in dollars is rounded up",
			"cmd/tokenctl/userbudget.go", "Quo(amount.Num(), amount.Denom())", "Quo(new(big.Int).Add(amount.Num(), amount.Denom()), amount.Denom())",
			"./cmd/tokenctl", "TestUnitsOfDollars",
		},
	}
}
