package quota_test

import (
	"fmt"
	"time"

	"github.com/latchkey-api/latchkey/shared/quota"
	"github.com/latchkey-api/latchkey/shared/token"
)

// A gateway reserves the most that a model request can cost, and settles what
// it did cost. The rest is free again.
func ExampleOperation_Apply() {
	const now = 1_800_000_000 // Unix seconds
	limited := token.Token{ID: 1, ExpiredTime: token.Never}
	ledger := quota.NewLedger(limited, quota.Balance{Left: 100}, nil)

	reserve := quota.Operation{
		Kind: quota.KindReserve, Now: now, ExpiresAt: now + 60,
		Question: quota.Question{RequestID: "request-1-0123456789abcdefghijk", Quota: 40},
	}
	ledger, _, err := reserve.Apply(ledger)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("free:", ledger.FreeAt(now), "held:", ledger.HeldAt(now), "used:", ledger.UsedAt(now))

	settle := quota.Operation{
		Kind: quota.KindSettle, Now: now + 5,
		Question: quota.Question{RequestID: "request-1-0123456789abcdefghijk", Quota: 25},
	}
	ledger, _, err = settle.Apply(ledger)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("free:", ledger.FreeAt(now+5), "held:", ledger.HeldAt(now+5), "used:", ledger.UsedAt(now+5))

	_, changed, err := settle.Apply(ledger)
	fmt.Println("settled again:", changed, err)
	// Output:
	// free: 60 held: 40 used: 0
	// free: 75 held: 0 used: 25
	// settled again: false <nil>
}

// A hold that is neither settled nor released returns its units when it
// expires.
func ExampleLedger() {
	const now = 1_800_000_000 // Unix seconds
	ledger := quota.NewLedger(token.Token{ExpiredTime: token.Never}, quota.Balance{Left: 100}, nil)
	reserve := quota.Operation{
		Kind: quota.KindReserve, Now: now, ExpiresAt: now + 60,
		Question: quota.Question{RequestID: "request-1-0123456789abcdefghijk", Quota: 40},
	}
	ledger, _, err := reserve.Apply(ledger)
	if err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println(ledger.FreeAt(now+59), ledger.HeldAt(now+59))
	fmt.Println(ledger.FreeAt(now+60), ledger.HeldAt(now+60))
	// Output:
	// 60 40
	// 100 0
}

// A key may be used only if its token allows everything that is asked.
func ExampleQuestion_Check() {
	const now = 1_800_000_000 // Unix seconds
	t := token.Token{ExpiredTime: token.Never, RemainQuota: 10, ModelLimitsEnabled: true, Models: []string{"small"}}
	fmt.Println(quota.Question{Model: "small", Quota: 10}.Check(t, time.Unix(now, 0)))
	fmt.Println(quota.Question{Model: "large", Quota: 10}.Check(t, time.Unix(now, 0)))
	fmt.Println(quota.Question{Model: "small", Quota: 11}.Check(t, time.Unix(now, 0)))
	// Output:
	// <nil>
	// key refused: model_not_allowed
	// key refused: quota_exhausted
}
