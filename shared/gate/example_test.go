package gate_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"time"

	"github.com/latchkey-api/latchkey/internal/dynamotest"
	"github.com/latchkey-api/latchkey/shared/dynamo"
	"github.com/latchkey-api/latchkey/shared/gate"
	"github.com/latchkey-api/latchkey/shared/price"
	"github.com/latchkey-api/latchkey/shared/quota"
)

// Verify checks a key, and spends units of its quota. A refusal is not an error.
func ExampleGate_Verify() {
	// In production: client := dynamo.NewClient(region, "", credentials)
	client, table, key, stop := dynamotest.ForExample(1000, "gpt-4o")
	defer stop()
	ctx := context.Background()

	g := gate.New(dynamo.New(client, table))
	verdict, err := g.Verify(ctx, key, quota.Question{Model: "gpt-4o", Quota: 300, RequestID: "request-1-0123456789abcdefghijk"})
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println("valid:", verdict.Valid(), "free units:", verdict.Remain)

	verdict, err = g.Verify(ctx, key, quota.Question{Model: "o3"})
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println("valid:", verdict.Valid(), "refusal:", verdict.Refusal)
	// Output:
	// valid: true free units: 700
	// valid: false refusal: model_not_allowed
}

// A process that reserves and settles itself uses Hold: nobody else can end the
// hold, and the table does not remember it.
func ExampleGate_Hold() {
	client, table, key, stop := dynamotest.ForExample(1000)
	defer stop()
	ctx := context.Background()

	g := gate.New(dynamo.New(client, table))
	hold, reservation, err := g.Hold(ctx, key, quota.Question{Quota: 500}, 2*time.Minute)
	if err != nil {
		log.Print(err)
		return
	}
	if !reservation.Valid() {
		fmt.Println("refused:", reservation.Refusal, "in progress:", reservation.InProgress)
		return
	}
	fmt.Println("held:", reservation.Held, "free units:", reservation.Remain)

	verdict, err := hold.Grow(ctx, quota.Question{}, 700)
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println("grown:", verdict.Valid(), "free units:", verdict.Remain)

	settlement, err := hold.Settle(ctx, 654, price.Use{})
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println("charged:", settlement.Charged, "free units:", settlement.Remain)
	// Output:
	// held: 500 free units: 500
	// grown: true free units: 300
	// charged: 654 free units: 346
}

// Reserve holds units before a request whose cost is not known yet. Settle
// charges the actual cost, and the rest is free again.
func ExampleGate_Reserve() {
	client, table, key, stop := dynamotest.ForExample(1000)
	defer stop()
	ctx := context.Background()

	g := gate.New(dynamo.New(client, table))
	reservation, err := g.Reserve(ctx, key, quota.Question{Quota: 500, RequestID: "request-1-0123456789abcdefghijk"}, 2*time.Minute)
	if err != nil {
		log.Print(err)
		return
	}
	if !reservation.Valid() {
		fmt.Println("refused:", reservation.Refusal)
		return
	}
	fmt.Println("held:", reservation.Held, "free units:", reservation.Remain)

	settlement, err := g.Settle(ctx, key, "request-1-0123456789abcdefghijk", 123, price.Use{})
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println("charged:", settlement.Charged, "free units:", settlement.Remain)

	_, err = g.Release(ctx, key, "request-1-0123456789abcdefghijk")
	fmt.Println("already settled:", errors.Is(err, quota.ErrHoldSettled))
	// Output:
	// held: 500 free units: 500
	// charged: 123 free units: 877
	// already settled: true
}
