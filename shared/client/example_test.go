package client_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"strings"

	"github.com/latchkey-api/latchkey/internal/apitest"
	"github.com/latchkey-api/latchkey/shared/client"
	"github.com/latchkey-api/latchkey/shared/wire"
)

// A token is created with a quota; its key is checked and charged.
func Example() {
	url, accessToken, stop := apitest.Start() // yours come from the operator
	defer stop()
	ctx := context.Background()

	c := client.New(url, accessToken)
	created, err := c.Create(ctx, wire.TokenInput{
		Name:               new("production-app"),
		RemainQuota:        new(int64(1000)),
		ModelLimitsEnabled: new(true),
		Models:             []string{"gpt-4o"},
	})
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println("token", created.ID, "has a key:", strings.HasPrefix(created.Key, "sk-"))

	verdict, err := c.Verify(ctx, created.Key, wire.VerifyInput{Model: new("gpt-4o"), Quota: new(int64(300))})
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println("valid:", verdict.Valid, "left:", verdict.RemainQuota)

	verdict, err = c.Verify(ctx, created.Key, wire.VerifyInput{Model: new("o3")})
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println("valid:", verdict.Valid, "because:", verdict.Code)
	// Output:
	// token 1 has a key: true
	// valid: true left: 700
	// valid: false because: model_not_allowed
}

func ExampleClient_All() {
	url, accessToken, stop := apitest.Start()
	defer stop()
	ctx := context.Background()

	c := client.New(url, accessToken)
	inputs := []wire.TokenInput{{Name: new("first")}, {Name: new("second")}, {Name: new("third")}}
	if _, err := c.CreateAll(ctx, inputs); err != nil {
		log.Print(err)
		return
	}
	for t, err := range c.All(ctx) {
		if err != nil {
			log.Print(err)
			return
		}
		fmt.Println(t.ID, t.Name)
	}
	// Output:
	// 3 third
	// 2 second
	// 1 first
}

func ExampleError() {
	url, accessToken, stop := apitest.Start()
	defer stop()
	ctx := context.Background()

	c := client.New(url, accessToken)
	_, err := c.Get(ctx, 42)
	fmt.Println("not found:", errors.Is(err, wire.ErrTokenNotFound))

	_, err = c.Create(ctx, wire.TokenInput{Name: new("")})
	var failure *client.Error
	if errors.As(err, &failure) {
		fmt.Println(failure.Status, failure.Code)
		fmt.Println(failure.Message)
	}
	// Output:
	// not found: true
	// 400 invalid_parameter
	// name must have 1 to 50 characters, not 0.
}

// An update fails if someone else has changed the token since it was read.
func ExampleIfMatch() {
	url, accessToken, stop := apitest.Start()
	defer stop()
	ctx := context.Background()

	c := client.New(url, accessToken)
	created, err := c.Create(ctx, wire.TokenInput{Name: new("app"), RemainQuota: new(int64(100))})
	if err != nil {
		log.Print(err)
		return
	}
	updated, err := c.Update(ctx, created.ID, wire.UpdateInput{QuotaDelta: new(int64(50))}, client.IfMatch(created.ETag))
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println("left:", updated.RemainQuota)

	_, err = c.SetStatus(ctx, created.ID, wire.Disabled, client.IfMatch(created.ETag))
	fmt.Println("changed meanwhile:", errors.Is(err, wire.ErrVersionMismatch))
	// Output:
	// left: 150
	// changed meanwhile: true
}

// A request is about to cost an amount that is known only at its end.
func ExampleClient_Reserve() {
	url, accessToken, stop := apitest.Start()
	defer stop()
	ctx := context.Background()

	c := client.New(url, accessToken)
	created, err := c.Create(ctx, wire.TokenInput{Name: new("app"), RemainQuota: new(int64(1000))})
	if err != nil {
		log.Print(err)
		return
	}

	gateway := client.New(url, "") // holds need the key, not the access token
	in := wire.ReserveInput{VerifyInput: wire.VerifyInput{RequestID: new("request-1-0123456789abcdefghijk"), Quota: new(int64(400))}}
	held, err := gateway.Reserve(ctx, created.Key, in)
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println("held:", held.Held, "left:", held.RemainQuota)

	settled, err := gateway.Settle(ctx, created.Key, "request-1-0123456789abcdefghijk", 250)
	if err != nil {
		log.Print(err)
		return
	}
	fmt.Println("charged:", settled.Charged, "left:", settled.RemainQuota)
	// Output:
	// held: 400 left: 600
	// charged: 250 left: 750
}
