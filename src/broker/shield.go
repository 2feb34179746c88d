package broker

import (
	"context"
	"time"
)

// changeTimeout bounds one request that changes something, the adapter's runs and
// the wait for a request before it included.
const changeTimeout = 5 * time.Minute

// shielded lets a change that has begun be brought to its end when the client hangs
// up: it then finds its operation by sending the request again.
func shielded(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), changeTimeout)
}
