package bombus.app;

import android.Manifest;
import android.app.Activity;
import android.content.ActivityNotFoundException;
import android.content.ClipData;
import android.content.Intent;
import android.content.pm.PackageManager;
import android.net.Uri;
import android.os.Build;
import android.os.Bundle;
import android.provider.MediaStore;
import android.webkit.PermissionRequest;
import android.webkit.ValueCallback;
import android.webkit.WebChromeClient;
import android.webkit.WebSettings;
import android.webkit.WebView;
import android.widget.FrameLayout;
import android.window.OnBackInvokedCallback;
import android.window.OnBackInvokedDispatcher;
import java.util.Arrays;

/**
 * The app's only screen: a WebView that shows the pages in this package's assets.
 *
 * <p>It passes on what they ask for: the camera, files, and the back gesture.
 */
public final class MainActivity extends Activity {
    static final int LINK = 0; // requests to the system, told apart in its answers
    static final int CAMERA = 1;
    static final int CAMERA_APP = 2;
    static final int CHOOSE = 3;
    static final int TAKE = 4;
    static final int SAVE = 5;

    private WebView web;
    private PermissionRequest cameraRequest; // the page waits for the camera
    private ValueCallback<Uri[]> fileRequest; // the page waits for files
    private Uri photo; // where the camera app puts it
    private Export export;

    @Override
    protected void onCreate(Bundle state) {
        super.onCreate(state);
        web = new WebView(this);
        WebSettings settings = web.getSettings();
        settings.setJavaScriptEnabled(true);
        settings.setDomStorageEnabled(true);
        settings.setAllowFileAccess(false);
        settings.setGeolocationEnabled(false); // refused at once: the package may not ask for it
        settings.setMediaPlaybackRequiresUserGesture(false); // else the camera image stands still
        web.setWebViewClient(new Pages(this));
        web.setWebChromeClient(new Requests());
        export = new Export(this, web);
        web.setDownloadListener(export);
        web.addJavascriptInterface(export, "bombusExport");

        // From Android 15 on an app is drawn under the system's bars: keep the pages clear of them.
        FrameLayout frame = new FrameLayout(this);
        frame.setFitsSystemWindows(true);
        frame.addView(web);
        setContentView(frame);

        if (Build.VERSION.SDK_INT >= 33) {
            BackGesture.register(this);
        }
        if (state == null || web.restoreState(state) == null) {
            web.loadUrl(Pages.START);
        }
    }

    @Override
    protected void onSaveInstanceState(Bundle state) {
        super.onSaveInstanceState(state);
        web.saveState(state);
    }

    @Override
    protected void onPause() {
        web.onPause(); // the page hears of it, and lets go of the camera
        super.onPause();
    }

    @Override
    protected void onResume() {
        super.onResume();
        web.onResume();
    }

    @Override
    protected void onDestroy() {
        web.destroy();
        super.onDestroy();
    }

    @Override
    public void onBackPressed() {
        if (web.canGoBack()) {
            web.goBack();
        } else {
            finish();
        }
    }

    @Override
    public void onRequestPermissionsResult(int code, String[] permissions, int[] results) {
        if (code == CAMERA) {
            answerCameraRequest();
        } else if (code == CAMERA_APP) {
            takePhoto();
        }
    }

    @Override
    protected void onActivityResult(int code, int result, Intent data) {
        if (code == CHOOSE) {
            answerFileRequest(result == RESULT_OK ? urisOf(data) : null);
        } else if (code == TAKE) {
            answerFileRequest(result == RESULT_OK ? new Uri[] {photo} : null);
        } else if (code == SAVE && result == RESULT_OK && data != null) {
            export.writeTo(data.getData());
        }
    }

    private void answerCameraRequest() {
        if (cameraRequest == null) {
            return; // the page has given up
        }
        if (mayUseCamera()) {
            cameraRequest.grant(new String[] {PermissionRequest.RESOURCE_VIDEO_CAPTURE});
        } else {
            cameraRequest.deny();
        }
        cameraRequest = null;
    }

    private boolean mayUseCamera() {
        return checkSelfPermission(Manifest.permission.CAMERA) == PackageManager.PERMISSION_GRANTED;
    }

    /** Let the phone's own camera app take a photo; like the camera, it needs the permission. */
    private void takePhoto() {
        photo = PhotoProvider.newPhoto(this);
        Intent intent = new Intent(MediaStore.ACTION_IMAGE_CAPTURE);
        intent.putExtra(MediaStore.EXTRA_OUTPUT, photo);
        if (!mayUseCamera() || !open(intent, TAKE)) {
            answerFileRequest(null);
        }
    }

    private void answerFileRequest(Uri[] files) {
        if (fileRequest != null) {
            fileRequest.onReceiveValue(files);
            fileRequest = null;
        }
    }

    /** What was chosen: several files are in the clip, one may be in the data. */
    private static Uri[] urisOf(Intent data) {
        ClipData clip = data == null ? null : data.getClipData();
        if (clip == null) {
            return data == null || data.getData() == null ? null : new Uri[] {data.getData()};
        }
        Uri[] uris = new Uri[clip.getItemCount()];
        for (int i = 0; i < uris.length; i++) {
            uris[i] = clip.getItemAt(i).getUri();
        }
        return uris;
    }

    /** Asks the person for what the pages ask for: the camera, and files. */
    final class Requests extends WebChromeClient {
        @Override
        public void onPermissionRequest(PermissionRequest request) {
            String wanted = PermissionRequest.RESOURCE_VIDEO_CAPTURE;
            if (!Pages.isOurs(request.getOrigin())
                    || !Arrays.asList(request.getResources()).contains(wanted)) {
                request.deny();
                return;
            }
            cameraRequest = request;
            // Answered at once, without a question, where the person has decided before.
            requestPermissions(new String[] {Manifest.permission.CAMERA}, CAMERA);
        }

        @Override
        public void onPermissionRequestCanceled(PermissionRequest request) {
            cameraRequest = null;
        }

        @Override
        public boolean onShowFileChooser(
                WebView view, ValueCallback<Uri[]> callback, FileChooserParams wanted) {
            answerFileRequest(null);
            fileRequest = callback;
            if (wanted.isCaptureEnabled()) {
                requestPermissions(new String[] {Manifest.permission.CAMERA}, CAMERA_APP);
                return true;
            }
            Intent intent = new Intent(Intent.ACTION_GET_CONTENT);
            intent.addCategory(Intent.CATEGORY_OPENABLE);
            intent.setType(onlyImages(wanted.getAcceptTypes()) ? "image/*" : "*/*");
            boolean several = wanted.getMode() == FileChooserParams.MODE_OPEN_MULTIPLE;
            intent.putExtra(Intent.EXTRA_ALLOW_MULTIPLE, several);
            if (!open(intent, CHOOSE)) {
                answerFileRequest(null);
            }
            return true;
        }
    }

    /** Whether an input's `accept` names images only; it may also name suffixes, such as .zip. */
    static boolean onlyImages(String[] accepted) {
        for (String type : accepted) {
            if (!type.startsWith("image/")) {
                return false;
            }
        }
        return accepted.length > 0;
    }

    /** Call another app; false where no app answers to this. */
    boolean open(Intent intent, int code) {
        try {
            startActivityForResult(intent, code);
            return true;
        } catch (ActivityNotFoundException absent) {
            return false;
        }
    }

    /** From Android 16 on the back gesture is announced here only; loaded where it exists. */
    static final class BackGesture implements OnBackInvokedCallback {
        private final MainActivity activity;

        BackGesture(MainActivity activity) {
            this.activity = activity;
        }

        static void register(MainActivity activity) {
            activity.getOnBackInvokedDispatcher()
                    .registerOnBackInvokedCallback(
                            OnBackInvokedDispatcher.PRIORITY_DEFAULT, new BackGesture(activity));
        }

        @Override
        public void onBackInvoked() {
            activity.onBackPressed();
        }
    }
}
