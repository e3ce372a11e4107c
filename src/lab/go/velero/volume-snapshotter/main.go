// Command volume-snapshotter is a Velero plugin that keeps the bytes of hostPath and local volumes in S3.
//
// At backup it streams the volume's directory to S3 as a compressed tar with a manifest; at restore it unpacks that
// into a new directory beneath the location's `root`, and points the restored PersistentVolume at it.
package main

import (
	"github.com/sirupsen/logrus"

	veleroplugin "github.com/vmware-tanzu/velero/pkg/plugin/framework"
)

// providerName is what a VolumeSnapshotLocation names in spec.provider.
const providerName = "lattice-dr.dev/directory"

func main() {
	veleroplugin.NewServer().
		RegisterVolumeSnapshotter(providerName, func(log logrus.FieldLogger) (any, error) {
			return &snapshotter{log: log}, nil
		}).
		Serve()
}
