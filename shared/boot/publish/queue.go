package publish

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"

	"github.com/latchkey-api/latchkey/shared/event"
	"github.com/latchkey-api/latchkey/shared/webhook"
)

// A QueueClient is what a Queue calls of SQS.
type QueueClient interface {
	SendMessageBatch(ctx context.Context, in *sqs.SendMessageBatchInput, options ...func(*sqs.Options)) (*sqs.SendMessageBatchOutput, error)
}

// A Queue is a standard queue of SQS with messages of webhooks. It is a webhook.Queue.
type Queue struct {
	Client QueueClient
	URL    string
}

// Enqueue implements webhook.Queue. The messages of a user are a group, so a user with
// many does not delay those of others.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-fair-queues.html
func (q *Queue) Enqueue(ctx context.Context, messages []webhook.Message) error {
	queued := make([]queuedMessage, len(messages))
	for i, m := range messages {
		queued[i].Message = m
	}
	_, err := q.add(ctx, queued, time.Time{})
	return err
}

// A queuedMessage is the body of a message in the queue. One without a retry has not
// been received yet, and waits for its first attempt.
type queuedMessage struct {
	webhook.Message
	Retry *retry `json:"retry,omitempty"`
}

// A retry says when the next attempt of a message is due.
type retry struct {
	Attempt int       `json:"attempt"` // its number, from 2
	Due     time.Time `json:"due"`
	Queued  time.Time `json:"queued"` // when the event was queued for the first attempt
}

// maxDelay is for how long SQS can delay a message.
// https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-message-timers.html
const maxDelay = 15 * time.Minute

// delay is how long a message waits in the queue before it is received: until its
// retry is due, or as long as SQS allows.
func (m queuedMessage) delay(now time.Time) time.Duration {
	if m.Retry == nil {
		return 0
	}
	return max(0, min(m.Retry.Due.Sub(now), maxDelay))
}

// add adds messages, and reports of each whether it is in the queue, or would be refused
// each time. After an error, others may be in it, too. The error may be an
// event.LostError.
func (q *Queue) add(ctx context.Context, messages []queuedMessage, now time.Time) (added []bool, err error) {
	added = make([]bool, len(messages))
	entries := make([]types.SendMessageBatchRequestEntry, 0, len(messages))
	for i, m := range messages {
		body, err := json.Marshal(m)
		if err != nil {
			return added, fmt.Errorf("encode the message of the event %s: %w", m.Event.ID, err)
		}
		entries = append(entries, types.SendMessageBatchRequestEntry{
			Id: aws.String(strconv.Itoa(i)), MessageBody: aws.String(string(body)), MessageGroupId: aws.String(strconv.FormatInt(m.UserID, 10)),
			DelaySeconds: int32((m.delay(now) + time.Second - 1) / time.Second), //nolint:gosec // at most maxDelay
		})
	}
	var mu sync.Mutex
	err = sendAll(ctx, entries, func(ctx context.Context, batch []types.SendMessageBatchRequestEntry) ([]types.SendMessageBatchRequestEntry, string, *event.LostError, error) {
		refused, why, lost, err := apart(q.send)(ctx, batch)
		if err != nil {
			return nil, "", nil, err
		}
		mu.Lock()
		defer mu.Unlock()
		for _, entry := range batch {
			i, _ := strconv.Atoi(*entry.Id)
			added[i] = !slices.ContainsFunc(refused, func(r types.SendMessageBatchRequestEntry) bool { return *r.Id == *entry.Id })
		}
		return refused, why, lost, nil
	})
	if err != nil {
		err = fmt.Errorf("queue %d webhooks: %w", len(messages), err)
	}
	return added, err
}

func (q *Queue) send(ctx context.Context, entries []types.SendMessageBatchRequestEntry) (refused []types.SendMessageBatchRequestEntry, why string, lost *event.LostError, err error) {
	out, err := q.Client.SendMessageBatch(ctx, &sqs.SendMessageBatchInput{QueueUrl: &q.URL, Entries: entries})
	if err != nil {
		return nil, "", nil, fmt.Errorf("send messages: %w", err)
	}
	arrived := map[string]bool{}
	for _, result := range out.Successful {
		arrived[aws.ToString(result.Id)] = true
	}
	for _, result := range out.Failed {
		why = aws.ToString(result.Code)
		if result.SenderFault && !mendable(why) {
			arrived[aws.ToString(result.Id)] = true // as far as it ever does
			lost = lost.Add(&event.LostError{Events: 1, Why: "the queue says " + why})
		}
	}
	for _, entry := range entries {
		if !arrived[*entry.Id] {
			refused = append(refused, entry)
		}
	}
	return refused, why, lost, nil
}
