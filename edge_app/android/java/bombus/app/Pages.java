package bombus.app;

import android.content.Intent;
import android.net.Uri;
import android.webkit.WebResourceRequest;
import android.webkit.WebResourceResponse;
import android.webkit.WebView;
import android.webkit.WebViewClient;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.HashMap;
import java.util.Map;

/**
 * Answers every request of the pages out of this package's assets.
 *
 * <p>The pages take themselves to be at an https address, since browsers give the camera to no
 * other. Its name is reserved for this purpose: no request leaves the phone, and the package has no
 * permission to use the network either.
 */
final class Pages extends WebViewClient {
    private static final String HOST = "appassets.androidplatform.net";
    static final String START = "https://" + HOST + "/";

    private final MainActivity activity;

    Pages(MainActivity activity) {
        this.activity = activity;
    }

    static boolean isOurs(Uri url) {
        return "https".equals(url.getScheme()) && HOST.equals(url.getHost());
    }

    /** The MIME type of an asset, its character set after a semicolon. */
    static String typeOf(String path) {
        String type = Served.TYPES.get(path.substring(path.lastIndexOf('.') + 1));
        return type == null ? "application/octet-stream" : type;
    }

    @Override
    public WebResourceResponse shouldInterceptRequest(WebView view, WebResourceRequest request) {
        Uri url = request.getUrl();
        if ("data".equals(url.getScheme())) {
            return null; // carries its own content
        }
        if (!isOurs(url)) {
            return answer("text/plain", 403, "Forbidden", new ByteArrayInputStream(new byte[0]));
        }
        String path = "/".equals(url.getPath()) ? "index.html" : url.getPath().substring(1);
        try {
            return answer(typeOf(path), 200, "OK", activity.getAssets().open(path));
        } catch (IOException absent) {
            return answer("text/plain", 404, "Not Found", new ByteArrayInputStream(new byte[0]));
        }
    }

    private static WebResourceResponse answer(
            String type, int code, String reason, InputStream data) {
        String[] parts = type.split("; charset=");
        String charset = parts.length == 2 ? parts[1] : null;
        Map<String, String> headers = new HashMap<String, String>(Served.HEADERS);
        return new WebResourceResponse(parts[0], charset, code, reason, headers, data);
    }

    /** A link that leads elsewhere opens in the phone's browser. */
    @Override
    public boolean shouldOverrideUrlLoading(WebView view, WebResourceRequest request) {
        Uri url = request.getUrl();
        if (isOurs(url)) {
            return false;
        }
        if ("https".equals(url.getScheme()) && request.hasGesture()) {
            activity.open(new Intent(Intent.ACTION_VIEW, url), MainActivity.LINK);
        }
        return true;
    }
}
