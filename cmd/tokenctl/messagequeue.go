package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/aws/aws-sdk-go-v2/aws"
	"github.com/aws/aws-sdk-go-v2/service/sqs"
	"github.com/aws/aws-sdk-go-v2/service/sqs/types"
	"github.com/aws/smithy-go"

	"github.com/latchkey-api/latchkey/shared/dynamo/stream"
)

// A messageQueue is a queue of a stage. That of purge has the positions of records that
// the function failed to count; those of webhooks are only counted.
type messageQueue struct {
	client *sqs.Client
	url    string
}

// A deadLetter is a message of the queue. Its span is nil if it is not one of
// Lambda's.
type deadLetter struct {
	id, receipt string
	span        *stream.Span
}

// hideSeconds is how long the queue keeps a message from others once it was
// received. After that, a message whose handling was interrupted can be received
// again.
const hideSeconds = 120

func newMessageQueue(cfg aws.Config, url string) *messageQueue {
	return &messageQueue{sqs.NewFromConfig(cfg), url}
}

// receive returns up to ten messages, or none if the queue has none to give.
func (q *messageQueue) receive(ctx context.Context) ([]deadLetter, error) {
	out, err := q.client.ReceiveMessage(ctx, &sqs.ReceiveMessageInput{
		QueueUrl: &q.url, MaxNumberOfMessages: 10, VisibilityTimeout: hideSeconds,
		WaitTimeSeconds: 1, // more than 0 asks all servers of the queue
	})
	if err != nil {
		return nil, q.explain(err)
	}
	var letters []deadLetter
	for _, m := range out.Messages {
		letter := deadLetter{id: aws.ToString(m.MessageId), receipt: aws.ToString(m.ReceiptHandle)}
		var body struct {
			Batch *stream.Span `json:"DDBStreamBatchInfo"`
		}
		if json.Unmarshal([]byte(aws.ToString(m.Body)), &body) == nil {
			letter.span = body.Batch
		}
		letters = append(letters, letter)
	}
	return letters, nil
}

// remove deletes a message.
func (q *messageQueue) remove(ctx context.Context, m deadLetter) error {
	_, err := q.client.DeleteMessage(ctx, &sqs.DeleteMessageInput{QueueUrl: &q.url, ReceiptHandle: &m.receipt})
	return q.explain(err)
}

// release lets others receive a message at once. It works also after ctx has
// ended. An error does no harm: the message appears again by itself.
func (q *messageQueue) release(ctx context.Context, m deadLetter) {
	const patience = 5 * time.Second
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	_, _ = q.client.ChangeMessageVisibility(ctx, &sqs.ChangeMessageVisibilityInput{QueueUrl: &q.url, ReceiptHandle: &m.receipt, VisibilityTimeout: 0})
}

// waiting returns how many messages the queue has, those included that are delayed, or
// hidden because somebody has received them.
func (q *messageQueue) waiting(ctx context.Context) (int, error) {
	n, err := q.size(ctx)
	return n, q.explain(err)
}

// size is waiting with the error of SQS.
func (q *messageQueue) size(ctx context.Context) (int, error) {
	names := []types.QueueAttributeName{
		types.QueueAttributeNameApproximateNumberOfMessages, types.QueueAttributeNameApproximateNumberOfMessagesDelayed,
		types.QueueAttributeNameApproximateNumberOfMessagesNotVisible,
	}
	out, err := q.client.GetQueueAttributes(ctx, &sqs.GetQueueAttributesInput{QueueUrl: &q.url, AttributeNames: names})
	if err != nil {
		return 0, err
	}
	total := 0
	for _, name := range names {
		n, err := strconv.Atoi(out.Attributes[string(name)])
		if err != nil {
			return 0, fmt.Errorf("read the size of the queue %s: %w", q.url, err)
		}
		total += n
	}
	return total, nil
}

// explain turns an error of SQS into a problem.
func (q *messageQueue) explain(err error) error {
	var refused smithy.APIError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &refused):
		return problemf("SQS refused a request to the queue %s (%s): check the URL and the permissions of the credentials", q.url, refused.ErrorCode())
	default:
		return fmt.Errorf("use the queue %s: %w", q.url, err)
	}
}
