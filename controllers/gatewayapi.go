package controllers

import (
	"context"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/client"
	"sigs.k8s.io/controller-runtime/pkg/controller"
	"sigs.k8s.io/controller-runtime/pkg/handler"
	"sigs.k8s.io/controller-runtime/pkg/source"

	"github.com/lfs-operator/lfs-operator/internal/desired"
)

// gatewayRecheck is how often is asked whether the cluster knows HTTPRoutes by now.
// Tests are less patient.
var gatewayRecheck = 30 * time.Second

// gatewayAPI knows whether the cluster knows HTTPRoutes, which it need not, and
// watches them from then on.
type gatewayAPI struct {
	mapper  meta.RESTMapper
	indexer client.FieldIndexer
	watch   func() error

	mu      sync.Mutex
	known   bool
	askedAt time.Time
}

func newGatewayAPI(mgr ctrl.Manager, c controller.Controller) *gatewayAPI {
	return &gatewayAPI{
		mapper: mgr.GetRESTMapper(), indexer: mgr.GetFieldIndexer(),
		watch: func() error {
			return c.Watch(source.Kind[client.Object](mgr.GetCache(), &httpRoute{}, handler.EnqueueRequestsFromMapFunc(repositoryOf)))
		},
	}
}

// here is true once HTTPRoutes can be made. A kind that went away again is an error
// of whoever wants one.
func (g *gatewayAPI) here(ctx context.Context, now time.Time) (bool, error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.known || !g.askedAt.IsZero() && now.Sub(g.askedAt) < gatewayRecheck {
		return g.known, nil
	}
	g.askedAt = now
	if _, err := g.mapper.RESTMapping(desired.HTTPRouteKind.GroupKind(), desired.HTTPRouteKind.Version); meta.IsNoMatchError(err) {
		return false, nil
	} else if err != nil {
		return false, err
	}
	if err := indexByOwner(ctx, g.indexer, desired.HTTPRouteKind); err != nil {
		return false, err
	}
	if err := g.watch(); err != nil {
		return false, err
	}
	g.known = true
	return true, nil
}
